/** Tests that need EC2 or RDS. */
import { afterAll, beforeAll, describe } from 'vitest'
import { startAws, type AwsProxy } from './aws-proxy.ts'
import { motoMissing } from './moto-server.ts'

/** Tests that share one server; left out, and said so, where there is none. */
export function describeWithAws(title: string, body: (server: () => AwsProxy) => void): void {
  const reason = motoMissing()
  if (reason !== undefined) console.warn(`left out: ${title}: ${reason}`)
  describe.skipIf(reason !== undefined)(title, () => {
    let server: AwsProxy | undefined
    beforeAll(async () => {
      server = await startAws()
    })
    afterAll(() => server?.stop())
    body(() => {
      if (!server) throw new Error('the server runs only while tests do')
      return server
    })
  })
}
