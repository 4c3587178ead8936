import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeArchive } from '../../test/fakes/wal-archive.ts'
import { WalWriter } from '../../test/fakes/wal-writer.ts'
import { isFault, type FaultCode } from '../base/fault.ts'
import { isoMicros, parseTime } from '../wal/time.ts'
import { pushWal } from './wal-push.ts'

const signal = new AbortController().signal
const time = parseTime('2026-03-01 02:00Z') ?? 0
const segmentSizeBytes = 1 << 20
const fault = (code: FaultCode, text = /./) =>
  expect.toSatisfy((error: unknown) => isFault(error, code) && text.test(error.message) && error.hint !== '')

function segment(options: { systemIdentifier?: bigint; seed?: number } = {}): {
  name: string
  bytes: Buffer
} {
  const wal = new WalWriter({ segmentSizeBytes, ...options })
  for (let i = 0; i < 2000; i++) wal.commit(i + (options.seed ?? 0), time + i)
  const [[name, bytes] = ['', Buffer.alloc(0)]] = wal.segments
  return { name, bytes }
}

describe('wal push', () => {
  test('stores a segment, and tells in the clear when its transactions ended', async () => {
    using archive = await makeArchive()
    const { name, bytes } = segment()
    expect(await archive.push(name, bytes)).toEqual({ name, sizeBytes: segmentSizeBytes, result: 'stored' })
    expect(Buffer.from((await archive.store.get(name, signal)) ?? [])).toEqual(bytes)
    expect(await archive.store.head(name, signal)).toMatchObject({
      name,
      systemIdentifier: '7481',
      sizeBytes: segmentSizeBytes,
      commits: { count: 2000, earliest: isoMicros(time), latest: isoMicros(time + 1999) },
    })
  })

  test('succeeds for the same bytes, and fails for others under the same name', async () => {
    using archive = await makeArchive()
    const { name, bytes } = segment()
    await archive.push(name, bytes)
    expect(await archive.push(name, bytes)).toMatchObject({ result: 'already' })
    await expect(archive.push(name, segment({ seed: 1 }).bytes)).rejects.toEqual(fault('OBJECT_CONFLICT'))
    expect(Buffer.from((await archive.store.get(name, signal)) ?? [])).toEqual(bytes)
  })

  test("refuses another cluster's segment, and one that is not what its name says", async () => {
    using archive = await makeArchive()
    const { name, bytes } = segment()
    const other = segment({ systemIdentifier: 9999n })
    await expect(archive.push(name, other.bytes)).rejects.toEqual(fault('CLUSTER_MISMATCH', /9999/))
    await expect(archive.push('000000010000000000000002', bytes)).rejects.toEqual(
      fault('WAL_INVALID', /0\/200000/),
    )
    await expect(archive.push(name, bytes.subarray(0, 8192))).rejects.toEqual(
      fault('WAL_INVALID', /wrong size/),
    )
    await expect(archive.push(name, Buffer.concat([bytes, bytes]))).rejects.toEqual(
      fault('WAL_INVALID', /more than/),
    )
    await expect(archive.push(name, '')).rejects.toEqual(fault('WAL_INVALID'))
    expect(await Array.fromAsync(archive.store.list(undefined, signal))).toEqual([])
  })

  test('keeps a partial segment beside the whole one that comes later', async () => {
    using archive = await makeArchive()
    const { name, bytes } = segment()
    const partial = Buffer.from(bytes).fill(0, 500_000)
    expect(await archive.push(`${name}.partial`, partial)).toMatchObject({ result: 'stored' })
    expect(await archive.push(name, bytes)).toMatchObject({ result: 'stored' })
    expect(Buffer.from((await archive.store.get(`${name}.partial`, signal)) ?? [])).toEqual(partial)
    expect(await archive.store.head(`${name}.partial`, signal)).toMatchObject({ systemIdentifier: '7481' })
  })

  test('tells in the clear where a timeline comes from', async () => {
    using archive = await makeArchive()
    const history =
      '1\t0/3000000\tno recovery target specified\n\n2\t16/B374D848\tbefore 2026-03-01 02:00:00+00\n'
    await archive.push('00000003.history', history)
    expect(await archive.store.head('00000003.history', signal)).toMatchObject({
      ancestors: [
        { timeline: 1, endLsn: '0/3000000' },
        { timeline: 2, endLsn: '16/B374D848' },
      ],
    })
    expect(Buffer.from((await archive.store.get('00000003.history', signal)) ?? []).toString()).toBe(history)
  })

  test('refuses histories that PostgreSQL would not write', async () => {
    using archive = await makeArchive()
    for (const text of ['', 'garbage', '3\t0/3000000\tx', '\0\0\0\0']) {
      await expect(archive.push('00000003.history', text), text).rejects.toEqual(
        fault('WAL_INVALID', /timeline history/),
      )
    }
    const backup = '000000010000000000000002.00000028.backup'
    await expect(archive.push(backup, 'garbage')).rejects.toEqual(fault('WAL_INVALID', /backup history/))
    await archive.push(
      backup,
      'START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nSTOP WAL LOCATION: 0/2000100\n',
    )
    expect(await archive.store.head(backup, signal)).toMatchObject({ name: backup })
  })

  test('refuses what is no WAL file, and says so when there is none', async () => {
    using archive = await makeArchive()
    await expect(archive.push('postgresql.conf', 'x')).rejects.toEqual(fault('WAL_INVALID', /not the name/))
    const missing = join(archive.folder, '000000010000000000000007')
    await expect(pushWal(archive, missing, signal)).rejects.toEqual(fault('WAL_INVALID', /ENOENT/))
    writeFileSync(join(archive.folder, '000000010000000000000008.tmp'), '')
    await expect(
      pushWal(archive, join(archive.folder, '000000010000000000000008.tmp'), signal),
    ).rejects.toEqual(fault('WAL_INVALID'))
  })
})
