/**
 * The audit trail and hooks as people have them: real backups and restores of a real server, good and failed, in a folder
 * repository; and what somebody does to a trail who would rather not be in it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TrailRow } from '../src/audit/trail-rows.ts'
import type { PrivacyReport } from '../src/cli/privacy-report.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'

let lab: Lab
let backup: BackupRecord
const at = (name: string): string => join(lab.server.root, name)
const trail = (): string => at('trail')

beforeAll(async () => {
  lab = await openLab({ major: 15, walSegmentSizeMb: 1 })
  await lab.server.query('CREATE TABLE accounts AS SELECT generate_series(1, 1000) AS id')
  // What follows is its own trail, with hooks that write down what they are told.
  const tell = `echo "$HOLDFAST_HOOK $HOLDFAST_OPERATION $HOLDFAST_RESULT $HOLDFAST_CODE $HOLDFAST_IDS" >>${at('told')}`
  configure({
    before: { restore: `${tell}; test ! -e ${at('closed')}` },
    after: { backup: tell, restore: { run: ['/bin/sh', '-c', tell], time_limit: '30s' } },
    failed: { '*': tell },
  })
  backup = await lab.backup()
})
afterAll(() => lab[Symbol.asyncDispose]())

function configure(hooks: unknown, more: Readonly<Record<string, unknown>> = {}): void {
  lab.writeConfig('holdfast.yaml', { hooks, audit: { directory: trail(), ...more } })
}

const list = (...words: readonly string[]): Promise<readonly TrailRow[]> =>
  lab.json<readonly TrailRow[]>(['audit', 'list', ...words])
const verify = (...words: readonly string[]): Promise<Run> => lab.run(['audit', 'verify', '--json', ...words])
const problems = async (...words: readonly string[]): Promise<readonly string[]> => {
  const found = await verify(...words)
  const { problems: told } = jsonOf<{ problems: readonly { message: string }[] }>(found)
  expect(found.status, describeRun(found)).toBe(told.length === 0 ? 0 : 112)
  return told.map(({ message }) => message)
}
const restore = (to: string): Promise<Run> => lab.run(['restore', '--target-dir', at(to), '--json'])
const told = (): readonly string[] =>
  readFileSync(at('told'), 'utf8')
    .trim()
    .split('\n')
    .map(line => line.replaceAll(/ +/g, ' ').trim())

test('a backup, a restore and one that failed are entered, with who, what and the key that was used', async () => {
  expect((await restore('restored')).status).toBe(0)
  expect(faultOf(await restore('restored')).code).toBe('TARGET_DIRECTORY')
  const rows = (await list()).filter(({ state }) => state !== 'note')
  expect(rows).toMatchObject([
    { verb: 'backup', state: 'done', keys: [], what: { ids: [backup.id], repositories: ['main'] } },
    {
      verb: 'restore',
      state: 'done',
      what: { ids: [backup.id], target: at('restored') },
      keys: [{ repository: 'main', publicKeys: [expect.stringMatching(/^age1/)] }],
    },
    { verb: 'restore', state: 'failed', result: { exit: 51, code: 'TARGET_DIRECTORY' } },
  ])
  expect(rows[0]?.result?.bytes).toBe(backup.sizes.storedBytes)
  expect(new Set(rows.map(({ who }) => who.by))).toEqual(new Set(['hand']))
})

test('hooks were run around them, with the facts, and are entered', async () => {
  expect(told()).toEqual([
    `after backup done ${backup.id}`,
    'before restore',
    `after restore done ${backup.id}`,
    'before restore',
    'failed restore failed TARGET_DIRECTORY',
  ])
  expect((await list('--verb', 'hook')).map(({ facts }) => [facts?.['moment'], facts?.['result']])).toEqual([
    ['after', 'done'],
    ['before', 'done'],
    ['after', 'done'],
    ['before', 'done'],
    ['failed', 'done'],
  ])
})

test('a hook before a restore that fails stops it before anything is done', async () => {
  lab.write(at('closed'), '')
  const stopped = await restore('stopped')
  expect(stopped.status).toBe(113)
  expect(faultOf(stopped).code).toBe('HOOK_FAILED')
  expect(existsSync(at('stopped'))).toBe(false)
  expect(told().at(-1)).toBe('failed restore failed HOOK_FAILED')
  expect((await list('--verb', 'restore', '--last', '1'))[0]).toMatchObject({
    result: { code: 'HOOK_FAILED' },
  })
  rmSync(at('closed'))
})

test('an operation that is killed is in the trail, without an end', async () => {
  configure({
    before: {
      verify: [
        {
          run: `echo $$ >${at('begun.new')}; mv ${at('begun.new')} ${at('begun')}; exec sleep 600`,
          time_limit: '10m',
        },
      ],
    },
  })
  const killed = lab.start(['verify'])
  await expect.poll(() => existsSync(at('begun')), { timeout: 60_000 }).toBe(true)
  killed.kill('SIGKILL')
  await killed.ended
  // Nobody is left to end the hook.
  process.kill(Number(readFileSync(at('begun'), 'utf8')), 'SIGKILL')
  expect(await list('--result', 'unended')).toMatchObject([{ verb: 'verify', endedAt: null, result: null }])
})

test('pushes that fail are entered once a minute; those that succeed are not', async () => {
  configure({})
  const before = (await list()).length
  await lab.archiveAll()
  expect(await list()).toHaveLength(before)
  const pushes = await Promise.all(
    ['00000001000000000000AAAA', '00000001000000000000AAAB'].map(name =>
      lab.run(['wal', 'push', at(`data/pg_wal/${name}`)]),
    ),
  )
  expect(pushes.map(({ status }) => status)).not.toContain(0)
  const [failed, ...more] = await list('--verb', 'wal push')
  expect(more).toEqual([])
  expect(failed).toMatchObject({ state: 'failed', who: { by: 'postgres' }, what: { repositories: [] } })
})

test('every entry is in the repository, sealed, and read back with the key', async () => {
  await lab.ok(['audit', 'send'])
  expect(await problems('--contents')).toEqual([])
  const here = await list('--since', '2020-01-01 00:00:00+00:00')
  const there = (await list('--from', 'repository')).filter(({ chain }) => chain === here[0]?.chain)
  // That the key was used to read them back is entered, and on its way.
  expect(here.slice(0, there.length)).toEqual(there)
  expect(there.length).toBeGreaterThan(10)
  // With other people's programs.
  const folder = join(lab.repositoryDirectory, 'lab/audit', here[0]?.chain ?? '')
  const [first = ''] = readdirSync(folder).toSorted()
  const opened = execFileSync('age', ['-d', '-i', lab.identityPath, join(folder, first)])
  const lines = execFileSync('zstd', ['-dq'], { input: opened, encoding: 'utf8' }).trim().split('\n')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ event: 'chain', n: 1 })
  const [body, hash] = (lines.at(-1) ?? '').split(',"hash":"')
  expect(execFileSync('sha256sum', { input: body ?? '', encoding: 'utf8' }).slice(0, 64)).toBe(
    hash?.slice(0, 64),
  )
  expect(first).toContain(hash?.slice(0, 64))
})

test('a copy of the repository has the trail, and stands for it when the first one is lost', async () => {
  const { main } = lab.config.repositories
  // As another host has it: with a trail of its own, which knows nothing of this one.
  const config = lab.writeConfig('elsewhere.yaml', {
    audit: { directory: at('trail-elsewhere') },
    repositories: { main, second: { ...main, url: `file://${at('second')}`, copy_of: 'main' } },
  })
  const elsewhere = (...words: readonly string[]): Promise<Run> =>
    lab.run(['--config', config, ...words, '--json'])
  makeOwned(at('second'))
  const copied = await elsewhere('copy')
  expect(copied.status, describeRun(copied)).toBe(0)
  expect(jsonOf<{ copied: { trails: number } }[]>(copied)[0]?.copied.trails).toBeGreaterThan(0)
  renameSync(lab.repositoryDirectory, at('lost'))
  try {
    const verified = await elsewhere('audit', 'verify', '--contents', '--repository', 'second')
    expect(verified.status, describeRun(verified)).toBe(0)
    const report = jsonOf<{ readBack: number; copies: { others: Record<string, number> }[] }>(verified)
    const here = await list()
    expect(report.copies[0]?.others[here[0]?.chain ?? '']).toBeGreaterThan(1)
    const rows = jsonOf<readonly TrailRow[]>(await elsewhere('audit', 'list', '--from', 'repository'))
    expect(rows).toContainEqual(expect.objectContaining({ verb: 'restore', state: 'done' }))
    const { readers } = jsonOf<PrivacyReport>(await elsewhere('privacy', 'report'))
    expect(readers.isOfAllHosts).toBe(true)
    expect(readers.people.flatMap(({ verbs }) => verbs)).toContain('restore')
  } finally {
    renameSync(at('lost'), lab.repositoryDirectory)
  }
})

test('an end that was cut off is found by the copy; a line that was changed, without it', async () => {
  const path = join(trail(), '000000000001.jsonl')
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  truncateSync(path, Buffer.byteLength(lines.slice(0, 5).join('\n')) + 1)
  expect(await problems()).toEqual([expect.stringMatching(/its end was cut off/)])
  lab.write(path, text.replace('"TARGET_DIRECTORY"', '"TARGET_DIRECTORI"'))
  expect(await problems('--local')).toEqual([
    expect.stringMatching(/^line \d+ of 000000000001.jsonl is no entry/),
  ])
  lab.write(path, text)
  expect(await problems()).toEqual([])
})

test('a repository that is away gets its entries later', async () => {
  const away = `${lab.repositoryDirectory}.away`
  renameSync(lab.repositoryDirectory, away)
  expect((await lab.run(['verify'])).status).not.toBe(0)
  expect(existsSync(join(trail(), 'owed'))).toBe(true)
  renameSync(away, lab.repositoryDirectory)
  const copies = jsonOf<{ copies: readonly { owed: number }[] }>(await verify()).copies
  expect(copies[0]?.owed).toBeGreaterThanOrEqual(2)
  await lab.ok(['audit', 'send'])
  expect(jsonOf<{ copies: readonly { owed: number }[] }>(await verify()).copies).toMatchObject([{ owed: 0 }])
  expect(existsSync(join(trail(), 'owed'))).toBe(false)
})

test('what is older than it is kept goes with an expiry, here and in the repository, and the rest is a chain still', async () => {
  configure(undefined, { keep: '1ms' })
  const shown = await lab.ok(['expire', '--dry-run'])
  expect(shown.err).toContain('would be let go')
  expect(await problems()).toEqual([])
  await lab.ok(['expire', '--yes'])
  const verified = await verify('--contents')
  expect(verified.status, describeRun(verified)).toBe(0)
  const { first } = jsonOf<{ first: number }>(verified)
  expect(first).toBeGreaterThan(10)
  const rows = await list()
  expect(rows).toContainEqual(expect.objectContaining({ verb: 'audit let go' }))
  expect(rows).not.toContainEqual(expect.objectContaining({ verb: 'backup' }))
  configure(undefined)
  // What was let go is told by the chain, also where everything is kept again.
  expect(await problems('--contents')).toEqual([])
})

test('where the trail is required and can not be written, nothing is done', async () => {
  configure({}, { directory: join(lab.configPath, 'audit'), required: true })
  expect(faultOf(await restore('refused')).code).toBe('AUDIT_UNWRITABLE')
  expect(existsSync(at('refused'))).toBe(false)
  configure({}, { directory: join(lab.configPath, 'audit') })
  const warned = await lab.ok(['verify'])
  expect(warned.err).toMatch(
    /warning: the audit trail in .* can not be written: .*; the work goes on without it/,
  )
  expect(statSync(trail()).mode & 0o777).toBe(0o700)
})
