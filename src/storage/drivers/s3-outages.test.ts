/** The server hangs, dies and comes back in the midst of the work. */
import { expect, test } from 'vitest'
import { MiB, list, pattern, read, signal, text } from '../../../test/contract/tools.ts'
import type { CephServer } from '../../../test/support/ceph-server.ts'
import { describeWithCeph } from '../../../test/support/describe-with-ceph.ts'
import { isFault } from '../../base/fault.ts'
import { retryWith } from '../../base/retry.ts'
import { systemWorld } from '../../base/world.ts'
import type { Storage } from '../storage.ts'
import { withRetry } from '../with-retry.ts'
import { openS3 } from './s3.ts'

const world = systemWorld()
/** As the real one, but for an outage of seconds instead of minutes. */
const rule = { attemptsMax: 60, pauseMsFirst: 50, pauseMsMax: 200 }
const silenceMsMax = 500

describeWithCeph('outages of S3', server => {
  test('a server that hangs is given up when it is silent, and the work goes on when it is back', async () => {
    const [impatient, storage] = [await open(server(), { attemptsMax: 1 }), await open(server())]
    await storage.put('before', text('x'), signal)
    server().pauseOsd()
    try {
      await expect(impatient.put('a', text('x'), signal)).rejects.toSatisfy(error =>
        isFault(error, 'STORAGE_UNAVAILABLE'),
      )
      const put = storage.put('b', text('b'), signal)
      await expect(impatient.stat('before', signal)).rejects.toSatisfy(error =>
        isFault(error, 'STORAGE_UNAVAILABLE', 'STORAGE_THROTTLED'),
      )
      server().resumeOsd()
      expect(await put).toBe('written')
    } finally {
      server().resumeOsd()
    }
    expect((await read(storage, 'b')).toString()).toBe('b')
    await Promise.all([impatient.close(), storage.close()])
  })

  test('an upload goes on when the server was killed in the midst of it', async () => {
    const storage = await open(server())
    const bytes = pattern(33 * MiB)
    const writer = await storage.create('upload', signal)
    await writer.write(bytes.subarray(0, 17 * MiB))
    await server().killGateway()
    const rest = writer.write(bytes.subarray(17 * MiB)).then(() => writer.commit())
    await server().startGateway()
    expect(await rest).toBe('written')
    expect((await read(storage, 'upload')).equals(bytes)).toBe(true)
    await storage.close()
  })

  test('a download goes on when the server was killed in the midst of it', async () => {
    const storage = await open(server())
    const bytes = pattern(33 * MiB)
    await storage.put('download', { sizeBytes: bytes.length, open: () => pieces(bytes) }, signal)
    let reachedBytes = 0
    let restarted: Promise<void> | undefined
    for await (const piece of storage.get('download', undefined, signal)) {
      expect(Buffer.compare(piece, bytes.subarray(reachedBytes, reachedBytes + piece.length))).toBe(0)
      reachedBytes += piece.length
      restarted ??= server()
        .killGateway()
        .then(() => server().startGateway())
    }
    await restarted
    expect(reachedBytes).toBe(bytes.length)
    await storage.close()
  })

  test('a list goes on when the server was killed in the midst of it', async () => {
    const storage = await open(server())
    const keys = ['l/a', 'l/b', 'l/c']
    for (const key of keys) await storage.put(key, text('x'), signal)
    await server().killGateway()
    const listed = list(storage, 'l/')
    await server().startGateway()
    expect((await listed).map(({ key }) => key)).toEqual(keys)
    await storage.close()
  })

  test('a server that is not there is a clear fault', async () => {
    const storage = await open(server(), { attemptsMax: 2 }, 'http://127.0.0.1:9')
    await expect(storage.put('a', text('x'), signal)).rejects.toThrow('ECONNREFUSED')
    const nowhere = await open(server(), { attemptsMax: 1 }, 'http://no-such-host.invalid')
    await expect(nowhere.stat('a', signal)).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNAVAILABLE'))
    await Promise.all([storage.close(), nowhere.close()])
  })
})

let bucket: string | undefined

async function open(
  server: CephServer,
  more: { attemptsMax?: number } = {},
  endpoint?: string,
): Promise<Storage> {
  bucket ??= await server.makeBucket()
  const { url, access } = server.description(bucket)
  const retry = retryWith(world, { ...rule, ...more })
  const description = { url, access: { ...access, endpoint: endpoint ?? server.endpoint } }
  return withRetry(await openS3(new URL(url), description, { world, retry, silenceMsMax }), retry)
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += MiB) yield bytes.subarray(at, at + MiB)
}
