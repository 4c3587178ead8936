/** When the restore of a dump fails or is ended: what is said, and that nothing half done is left. */
import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newer, openDumpedShops, whole, type DumpedShops } from './support/dumped-shops.ts'
import { describeRun } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import type { Lab } from './support/repository-lab.ts'
import { until } from './support/until.ts'

let shops: DumpedShops
let lab: Lab
beforeAll(async () => {
  shops = await openDumpedShops()
  lab = shops.lab
})
afterAll(() => lab[Symbol.asyncDispose]())

describe('when something fails', () => {
  test('pg_restore that is missing or too old is told with its package', async () => {
    const empty = join(lab.server.root, 'empty')
    makeOwned(empty)
    const { connection } = lab.config['postgres'] as { connection: string }
    const other = lab.writeConfig('no-tools.yaml', { postgres: { connection, bin_directory: empty } })
    const run = await lab.run([
      '--config',
      other,
      'restore-dump',
      whole,
      '--database',
      'new',
      '--from',
      'shop',
    ])
    expect(run.status).toBe(49)
    expect(run.err).toContain('postgresql-client-15')
  })

  test('a dump of a newer version is refused', async () => {
    await shops.expectRefused(
      [newer, '--database', 'new'],
      'POSTGRES_UNSUPPORTED',
      /of PostgreSQL 16, and the server/,
    )
  })

  test('a role that may not create databases is told so', async () => {
    const run = await shops.restore([whole, '--database', 'new', '--from', 'shop'], {
      HOLDFAST_RESTORE_CONNECTION: lab.server.connectionString.replace('postgres@', 'clerk@'),
    })
    expect(run.status).toBe(41)
    expect(run.err).toContain('CREATEDB')
  })

  test('what the server refuses is said in its words, and nothing is left', async () => {
    const run = await shops.restore([whole, '--database', 'new', '--from', 'shop'], {
      HOLDFAST_RESTORE_CONNECTION: `${lab.server.connectionString}&options=${encodeURIComponent('-c temp_file_limit=0 -c default_transaction_read_only=on')}`,
    })
    expect(run.status).not.toBe(0)
    expect(run.err).toMatch(/read-only transaction/)
    expect((await shops.databases()).filter(name => name.startsWith('holdfast'))).toEqual([])
  })

  /** pg_restore that stops when it comes to the rows, so that there is time to do something to the restore. */
  function slowTools(): string {
    const folder = join(lab.server.root, 'slow')
    makeOwned(folder)
    for (const tool of readdirSync(shops.clients))
      execFileSync('ln', ['-sf', join(shops.clients, tool), join(folder, tool)])
    execFileSync('rm', [join(folder, 'pg_restore')])
    writeFileSync(
      join(folder, 'pg_restore'),
      `#!/bin/sh\ncase "$*" in *--version*|*--section*) exec ${shops.clients}/pg_restore "$@";; esac\ntouch ${lab.server.root}/rows\ncat >/dev/null; exec sleep 30\n`,
    )
    chmodSync(join(folder, 'pg_restore'), 0o755)
    const { connection } = lab.config['postgres'] as { connection: string }
    return lab.writeConfig('slow.yaml', { postgres: { connection, bin_directory: folder } })
  }

  test.each<['SIGTERM' | 'SIGKILL']>([['SIGTERM'], ['SIGKILL']])(
    'told to end by %s in the midst of it, nothing half done stays',
    async signal => {
      execFileSync('rm', ['-f', join(lab.server.root, 'rows')])
      const before = await shops.databases()
      const running = lab.start([
        '--config',
        slowTools(),
        'restore-dump',
        whole,
        '--database',
        'shop',
        '--replace',
      ])
      await until('pg_restore has come to the rows', () => readdirSync(lab.server.root).includes('rows'))
      expect((await shops.databases()).length).toBe(before.length + 1)
      running.kill(signal)
      const run = await running.ended
      if (signal === 'SIGTERM') expect(run.status, describeRun(run)).toBe(143)
      else await shops.restored([whole, '--database', 'after_kill', '--from', 'shop'])
      expect(await shops.databases()).toEqual(
        [...before, ...(signal === 'SIGKILL' ? ['after_kill'] : [])].sort(),
      )
      expect(await shops.inDatabase('shop', 'SELECT count(*)::int FROM sales.orders')).toEqual([[100]])
    },
  )

  test('the server going away in the midst of it is told, and the next restore clears up', async () => {
    execFileSync('rm', ['-f', join(lab.server.root, 'rows')])
    const running = lab.start([
      '--config',
      slowTools(),
      'restore-dump',
      whole,
      '--database',
      'gone',
      '--from',
      'shop',
    ])
    await until('pg_restore has come to the rows', () => readdirSync(lab.server.root).includes('rows'))
    await lab.server.stop('immediate')
    const run = await running.ended
    expect(run.status, describeRun(run)).toBe(40)
    await lab.server.start()
    const report = await shops.restored([whole, '--database', 'gone', '--from', 'shop'])
    expect(report['leftoversDropped']).toHaveLength(1)
  })
})
