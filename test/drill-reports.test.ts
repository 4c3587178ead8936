/** What is known of drills, as people ask for it: a repository in a folder, and files that somebody hands over. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemWorld } from '../src/base/world.ts'
import { main } from '../src/compose.ts'
import { openHostKey } from '../src/operations/drill/report/host-key.ts'
import { keepDrill } from '../src/operations/drill/report/keep-drill.ts'
import { drillFilesOf } from '../src/operations/drill/report/drill-files.ts'
import { generateIdentity } from '../src/pipeline/age.ts'
import { putDrill, readDrills } from '../src/repository/drill-catalog.ts'
import { parseDrillReport, summaryOfReport } from '../src/repository/format/drill-json.ts'
import type { DrillReport } from '../src/repository/format/drill-record.ts'
import { initRepository, openRepository, type Repository } from '../src/repository/repository.ts'
import { openFsStorage } from '../src/storage/drivers/fs.ts'
import { labIdentity, labSignal as signal } from './fakes/copy-lab.ts'
import { keptTerminal } from './fakes/terminal.ts'

const world = systemWorld()
const report = parseDrillReport(
  readFileSync(new URL('vectors/records/drill-report.json', import.meta.url)),
  'vector',
)
const passed: DrillReport = {
  ...report,
  id: '20260202T040000Z-drill',
  outcome: 'passed',
  checklist: report.checklist.filter(({ state }) => state !== 'failed'),
  rto: { actualMs: 310_000, targetMs: 14_400_000 },
}

let folder: string
let repository: Repository
let recipient: string
const at = (name: string): string => join(folder, name)
const keyOfHost = () => openHostKey(at('state/drill-key.pem'), world)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drill-reports-'))
  const storage = await openFsStorage(at('repository'), { makeRoot: true })
  await initRepository(storage, labIdentity, world, signal)
  repository = await openRepository(storage, labIdentity.cluster, signal)
  const keys = await generateIdentity()
  recipient = keys.recipient
  writeFileSync(at('identity.txt'), keys.identity, { mode: 0o600 })
  writeFileSync(
    at('holdfast.yaml'),
    `cluster: gathr
postgres: { connection: "host=/nowhere" }
agent: { state: ${at('state')} }
audit: { directory: ${at('audit')} }
repositories:
  main:
    url: file://${at('repository')}
    encryption: { recipients: [${recipient}], identity: { file: ${at('identity.txt')} } }
`,
  )
  const home = { repository, encoding: { level: 3, recipients: [recipient] } }
  const key = await keyOfHost()
  await keepDrill(home, passed, { key, history: [] }, signal)
  const { drills } = await readDrills(repository, signal)
  await keepDrill(home, report, { key, history: drills }, signal)
})

afterAll(async () => {
  await repository.storage.close()
  rmSync(folder, { recursive: true })
})

async function holdfast(words: readonly string[], config = at('holdfast.yaml')) {
  const terminal = { ...keptTerminal(), workingDirectory: folder }
  const status = await main(['--config', config, ...words], terminal, signal)
  return { status, out: terminal.out.text(), err: terminal.err.text() }
}

describe('holdfast drill list', () => {
  test('shows how each drill went, and the trend', async () => {
    const { status, out, err } = await holdfast(['drill', 'list'])
    expect(status).toBe(0)
    expect(out).toMatch(/20260202T040000Z-drill .* passed +1 ok, 1 not asked .* 5m 10s/)
    expect(out).toMatch(
      /20260302T040000Z-drill .* FAILED +1 ok, 1 wrong, 1 not asked .*full +second +9m 29s +312 ms/,
    )
    expect(err).toContain('5m 10s then, 9m 29s now')
  })

  test('gives all that is known without a key to other programs', async () => {
    const { out } = await holdfast(['drill', 'list', '--json'])
    const drills = JSON.parse(out) as unknown
    expect(drills).toMatchObject([
      { ...summaryOfReport(passed), repositories: ['main'] },
      { id: report.id, outcome: 'failed', phases: report.phases },
    ])
  })
})

describe('holdfast drill verify', () => {
  test('finds what the repository has as this host signed it', async () => {
    const { status, out } = await holdfast(['drill', 'verify', 'latest'])
    expect(status).toBe(0)
    expect(out).toContain('20260302T040000Z-drill: failed')
    expect(out).toMatch(/signed by +db1, with SHA256:/)
    expect(out).toMatch(/known as +this host/)
    expect(out).toContain('report, page, drill.json in main: as they were signed')
  })

  test('knows who signed a file only by a key that is known, here or on the command line', async () => {
    const key = await keyOfHost()
    const files = drillFilesOf(passed, { key, history: [] })
    writeFileSync(at('report.json'), files.report)
    writeFileSync(at('report.html'), files.page)
    for (const file of ['report.json', 'report.html'])
      expect(await holdfast(['drill', 'verify', file])).toMatchObject({
        status: 0,
        out: expect.stringContaining('passed'),
      })
    // Somebody else, without a configuration.
    const elsewhere = (...more: string[]) =>
      holdfast(['drill', 'verify', 'report.html', ...more], at('none.yaml'))
    const stranger = await elsewhere()
    expect(stranger.status).toBe(111)
    expect(stranger.err).toContain(`--key ${key.public}`)
    expect((await elsewhere('--key', key.public)).status).toBe(0)
    const other = `MCowBQYDK2VwAyEA${'A'.repeat(43)}=`
    expect((await elsewhere('--key', other)).status).toBe(111)
    expect((await elsewhere('--key', 'ssh-ed25519 AAAA')).status).toBe(2)
  })

  test('refuses a file that was changed, and one that is none', async () => {
    const { page } = drillFilesOf(report, { key: await keyOfHost(), history: [] })
    writeFileSync(at('changed.html'), Buffer.from(page).toString().replaceAll('Failed', 'Passed'))
    expect(await holdfast(['drill', 'verify', 'changed.html'])).toMatchObject({
      status: 110,
      err: expect.stringContaining('changed.html was changed'),
    })
    writeFileSync(at('notes.txt'), 'call mother')
    expect(await holdfast(['drill', 'verify', 'notes.txt'])).toMatchObject({ status: 20 })
  })

  test('says what there is when no drill fits', async () => {
    expect(await holdfast(['drill', 'verify', '2027'])).toMatchObject({
      status: 113,
      err: expect.stringContaining('20260302T040000Z-drill'),
    })
  })

  test('finds that what is told without a key is not what was signed', async () => {
    const key = await keyOfHost()
    const summary = {
      ...summaryOfReport({ ...report, id: '20260101T040000Z-drill' }),
      outcome: 'passed' as const,
    }
    const files = drillFilesOf({ ...report, id: summary.id }, { key, history: [] })
    await putDrill(repository, summary, files, { level: 3, recipients: [recipient] }, signal)
    expect(await holdfast(['drill', 'verify', summary.id])).toMatchObject({
      status: 110,
      err: expect.stringContaining('drill.json of 20260101T040000Z-drill says something else'),
    })
  })
})

describe('holdfast drill show', () => {
  test('tells what was asked and seen, and needs the key for it', async () => {
    const { status, out } = await holdfast(['drill', 'show', '20260302'])
    expect(status).toBe(0)
    for (const part of ['There are users: expected at least 1000', 'select count(*) from users: 0', '9m 29s'])
      expect(out).toContain(part)
    const { out: json } = await holdfast(['drill', 'show', 'latest', '--json'])
    expect(JSON.parse(json)).toMatchObject({ id: report.id, checklist: report.checklist })
  })

  test('writes the page and the report for whoever is to check them, readable by their owner alone', async () => {
    const { status, out, err } = await holdfast([
      'drill',
      'show',
      '20260302',
      '--html',
      'page.html',
      '--report',
      'kept.json',
    ])
    expect({ status, out }).toEqual({ status: 0, out: '' })
    expect(err).toContain('written: page.html')
    expect(statSync(at('page.html')).mode & 0o777).toBe(0o600)
    for (const file of ['page.html', 'kept.json'])
      expect((await holdfast(['drill', 'verify', file])).status).toBe(0)
    expect(await holdfast(['drill', 'show', 'latest', '--html', 'nowhere/page.html'])).toMatchObject({
      status: 1,
      err: expect.stringContaining('nowhere/page.html can not be written'),
    })
  })
})

describe('holdfast drill --forecast', () => {
  test('scales the phases of the drills before to another size, and says what it stands on', async () => {
    const { status, out } = await holdfast(['drill', '--forecast', '100GiB'])
    expect(status).toBe(0)
    // Of 241 s with two threads, 154 s of processor time are 77 s of decompression; all of it ten times as large.
    expect(out).toMatch(/provisioning +2\.3 s +2\.3 s/)
    expect(out).toMatch(/download +20\.0 GiB +27m 20s +27m 20s/)
    expect(out).toMatch(/decompression +100 GiB +12m 50s/)
    expect(out).toMatch(/together +1h 35m/)
    expect(out).toMatch(
      /from \d drills of 2026-03-02; 100 GiB, of which 20\.0 GiB are stored; it is 10 times as large/,
    )
    expect((await holdfast(['drill', '--forecast', 'large'])).status).toBe(2)
  })

  test('of a repository without drills says that there was none', async () => {
    const empty = await openFsStorage(at('empty'), { makeRoot: true })
    await initRepository(empty, labIdentity, world, signal)
    await empty.close()
    writeFileSync(
      at('empty.yaml'),
      readFileSync(at('holdfast.yaml'), 'utf8').replaceAll('/repository', '/empty'),
    )
    const { status, err } = await holdfast(['drill', '--forecast', '100GB'], at('empty.yaml'))
    expect(status).toBe(0)
    expect(err).toContain('there was no drill yet')
    expect((await holdfast(['drill', 'list'], at('empty.yaml'))).err).toContain('there was no drill yet')
  })
})

test('holdfast drill key shows the key of this host, the same each time', async () => {
  const first = await holdfast(['drill', 'key', '--json'])
  expect(JSON.parse(first.out)).toMatchObject({ key: (await keyOfHost()).public })
  expect((await holdfast(['drill', 'key'])).out).toContain((await keyOfHost()).public)
})
