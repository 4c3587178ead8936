/** Tests that need an S3 server. */
import { afterAll, beforeAll, describe } from 'vitest'
import { cephMissing, startCeph, type CephOptions, type CephServer } from './ceph-server.ts'

/** Tests that share one server; left out, and said so, where there is no Ceph. */
export function describeWithCeph(
  title: string,
  body: (server: () => CephServer) => void,
  options: CephOptions = {},
): void {
  const reason = cephMissing()
  if (reason !== undefined) console.warn(`left out: ${title}: ${reason}`)
  describe.skipIf(reason !== undefined)(title, () => {
    let server: CephServer | undefined
    beforeAll(async () => {
      server = await startCeph(options)
    })
    afterAll(() => server?.stop())
    body(() => {
      if (!server) throw new Error('the server runs only while tests do')
      return server
    })
  })
}
