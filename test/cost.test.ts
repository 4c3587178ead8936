/** `holdfast cost` on a repository in a folder, and what it would cost in object storage: nothing is asked of any vendor. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemWorld } from '../src/base/world.ts'
import { main } from '../src/compose.ts'
import type { FileCost } from '../src/operations/cost/cost-of-file.ts'
import { initRepository } from '../src/repository/repository.ts'
import { openFsStorage } from '../src/storage/drivers/fs.ts'
import { emptyPlace, labIdentity, labSignal as signal, putBackup, withRepository } from './fakes/copy-lab.ts'
import { keptTerminal } from './fakes/terminal.ts'

let folder: string
const at = (name: string): string => join(folder, name)

/** A thousand of whatever it is for each byte, so that a few KiB show. */
const perGb = 1024 ** 3 * 1e-3
const prices = {
  currency: 'EUR',
  regions: [
    {
      provider: 's3',
      region: 'eu-central-1',
      source: 'a test',
      asOf: '2026-01-01',
      storagePerGbMonth: { STANDARD: 2 * perGb, STANDARD_IA: perGb },
      retrieval: [],
      least: { STANDARD_IA: { days: 30, bytes: 0 } },
      egressPerGb: { internet: 3 * perGb },
    },
  ],
  times: [],
}

const fileOf = (url: string, more: string): string => `cluster: gathr
postgres: { connection: "host=/nowhere" }
audit: { directory: ${at('audit')} }
repositories: { main: { url: "${url}", encryption: none${more} } }
`
const inBucket = (classes: string): string =>
  `${fileOf('s3://vault/pg', `, region: eu-central-1, classes: ${classes}`)}prices: prices.json\n`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cost-'))
  const storage = await openFsStorage(at('repository'), { makeRoot: true })
  await initRepository(storage, labIdentity, systemWorld(), signal)
  const side = await withRepository({ ...emptyPlace('main', undefined, storage) })
  const startedAt = new Date(Date.now() - 60_000).toISOString()
  await putBackup(side, '20260301T020000Z-full', [1, 3], { startedAt })
  await putBackup(side, '20260302T020000Z-incremental', [4, 8], {
    startedAt,
    parent: '20260301T020000Z-full',
  })
  await storage.close()
  writeFileSync(at('prices.json'), JSON.stringify(prices))
  writeFileSync(at('holdfast.yaml'), `${fileOf(`file://${at('repository')}`, '')}retention: { wal: 7d }\n`)
  writeFileSync(at('frequent.yaml'), `${inBucket('{ wal: STANDARD }')}retention: { wal: 7d }\n`)
  writeFileSync(
    at('rare.yaml'),
    `${inBucket('{ wal: STANDARD_IA, backup: STANDARD_IA }')}retention: { backups: { weekly: 8 }, wal: 7d }\n`,
  )
  writeFileSync(at('longer.yaml'), `${inBucket('{ wal: STANDARD }')}retention: { wal: 14d }\n`)
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

async function holdfast(...words: string[]) {
  const terminal = { ...keptTerminal(), workingDirectory: folder }
  const status = await main(['--config', at('holdfast.yaml'), ...words], terminal, signal)
  return { status, out: terminal.out.text(), err: terminal.err.text() }
}

async function costWith(file: string): Promise<FileCost> {
  const { out } = await holdfast('cost', '--json', '--what-if', file)
  return (JSON.parse(out) as { then: FileCost }).then
}

/** As the folder has them. */
function bytesIn(name: string): number {
  const files = readdirSync(at(`repository/gathr/${name}`), { recursive: true, withFileTypes: true })
  return files
    .filter(file => file.isFile())
    .reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0)
}

describe('holdfast cost', () => {
  test('knows what is stored, and that a folder has no price', async () => {
    const { status, out } = await holdfast('cost')
    expect(status).toBe(0)
    expect(out).toMatch(/base backups +- +10 /)
    expect(out).toMatch(/WAL +- +8 /)
    expect(out).toContain('no prices')
  })

  test('reckons with the prices of a file, and the actual sizes', async () => {
    const { currency, repositories, total } = await costWith('frequent.yaml')
    const [main] = repositories
    const [backups, wal] = [bytesIn('backups'), bytesIn('wal')]
    expect(currency).toBe('EUR')
    expect(main?.kinds).toMatchObject([
      { kind: 'backups', storageClass: 'STANDARD', bytes: backups, total: expect.closeTo(backups * 2e-3) },
      { kind: 'wal', storageClass: 'STANDARD', bytes: wal, total: expect.closeTo(wal * 2e-3) },
      { kind: 'records' },
    ])
    // The newest with its parent, and all WAL since; over the internet.
    expect(main?.restore).toMatchObject({
      bytes: backups + wal,
      egress: expect.closeTo((backups + wal) * 3e-3),
    })
    expect(total).toBeCloseTo((backups + wal + (main?.kinds[2]?.bytes ?? 0)) * 2e-3)
  })

  test('sees that WAL of seven days costs more in infrequent access, and base backups do not', async () => {
    const { repositories } = await costWith('rare.yaml')
    expect(repositories[0]?.findings).toEqual([
      expect.stringMatching(
        /^WAL costs more in STANDARD_IA .* than in STANDARD .*: it is kept for 7d 00h and 30 days are paid for\.$/,
      ),
    ])
    const wal = bytesIn('wal')
    // All of it was written within the first day, so thirty times as much is expected in a month; of each, 23 days are paid for nothing.
    const [, cost] = repositories[0]?.kinds ?? []
    expect(cost?.earlyDeletion).toBeCloseTo((30 * wal * 1e-3 * 23) / 30)
  })

  test('takes twice the window of WAL for twice the WAL', async () => {
    const [, wal] = (await costWith('longer.yaml')).repositories[0]?.kinds ?? []
    expect(wal?.bytes).toBe(2 * bytesIn('wal'))
  })

  test('shows both side by side, and refuses a file that is none', async () => {
    const { out } = await holdfast('cost', '--what-if', 'frequent.yaml')
    expect(out).toMatch(/a month +now \(USD\) +then \(EUR\) +difference\nmain +- +\d+\.\d\d +-\n/)
    expect(await holdfast('cost', '--what-if', 'none.yaml')).toMatchObject({ status: 2 })
  })
})
