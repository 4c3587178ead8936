/** `restore` and `init` killed at any moment: a directory that is not whole never starts, and no key is lost. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { describeRun, startHoldfast } from './support/holdfast.ts'
import { makeOwned, makeRoot, serverOn } from './support/postgres-server.ts'
import { seededRandom } from './support/random.ts'
import { expectKept, objectsOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { restore, untilRecovered } from './support/restored-server.ts'

const random = seededRandom('crash of restore and init')
const kills = Array.from({ length: 10 }, (_, index) => index + 1)
const rows = 100_000

let lab: Lab
let wholeRestoreMs: number

beforeAll(async () => {
  lab = await openLab({ major: 15, build: 'debian' })
  await lab.server.query(
    `CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, ${String(rows)}) n`,
  )
  await lab.backup()
  await lab.archiveAll()
  await using measured = await restore(lab, ['--latest'], { build: 'debian' })
  wholeRestoreMs = measured.run.durationMs
})

afterAll(() => lab[Symbol.asyncDispose]())

describe('a restore killed at any moment', () => {
  test.each(kills)('does not start as it is, and goes on when run again with --delta: kill %i', async () => {
    const before = objectsOf(lab.repositoryDirectory)
    const server = await serverOn(makeRoot(), { major: 15, build: 'debian' })
    try {
      const args = ['restore', '--target-dir', server.dataDirectory, '--latest', '--yes', '--json']
      const running = lab.start(args)
      await Promise.race([delay(random.next() * wholeRestoreMs), running.ended])
      running.kill('SIGKILL')
      await running.ended
      expectKept(before, objectsOf(lab.repositoryDirectory))
      // Without pg_control no server starts; with it, everything else must be there.
      const looksWhole = existsSync(join(server.dataDirectory, 'global/pg_control'))
      if (looksWhole)
        expect(readdirSync(server.dataDirectory)).toEqual(
          expect.arrayContaining(['backup_label', 'recovery.signal']),
        )
      else await expect(server.start()).rejects.toThrow()

      const next = await lab.run([...args, ...(existsSync(server.dataDirectory) ? ['--delta'] : [])])
      expect(next.status, describeRun(next)).toBe(0)
      await server.start()
      expect(await untilRecovered(server)).toBe('promoted')
      expect(await server.value('SELECT count(*) FROM t')).toBe(String(rows))
    } finally {
      await server.remove()
    }
  })
})

describe('init killed at any moment', () => {
  test.each(kills)(
    'leaves no configuration whose secret key is lost, and works when run again: kill %i',
    async () => {
      const root = makeRoot()
      const repository = join(root, 'repository')
      makeOwned(repository)
      const args = [
        ...['init', '--yes', '--cluster', 'fresh', '--connection', lab.server.connectionString],
        ...['--repository', `file://${repository}`],
      ]
      const running = startHoldfast(args, { cwd: root })
      await Promise.race([delay(random.next() * 400), running.ended])
      running.kill('SIGKILL')
      await running.ended
      expectKeyFits(root)

      const next = await startHoldfast(args, { cwd: root }).ended
      expect(next.status, describeRun(next)).toBe(0)
      expect(expectKeyFits(root)).toBe(true)
      const list = await startHoldfast(['list', '--json'], { cwd: root }).ended
      expect(list.status, describeRun(list)).toBe(0)
      execFileSync('rm', ['-rf', root])
    },
  )
})

/** Whoever encrypts to a public key must have the secret one. True when there is a configuration. */
function expectKeyFits(root: string): boolean {
  const path = join(root, 'holdfast.yaml')
  if (!existsSync(path)) return false
  const config = parse(readFileSync(path, 'utf8')) as {
    repositories: Record<string, { encryption: { recipients: string[]; identity: { file: string } } }>
  }
  const [{ encryption } = { encryption: undefined }] = Object.values(config.repositories)
  const identity = join(root, encryption?.identity.file.replace(root, '') ?? '')
  const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim()
  expect(encryption?.recipients).toContain(recipient)
  return true
}
