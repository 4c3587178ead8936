/** Metrics as monitoring has them: a real server and its backups, judged by Prometheus' own program. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sample } from '../src/policy/metrics/sample.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { faultOf } from './support/restored-server.ts'
import { hasPromtool, promtool } from './support/promtool.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

let lab: Lab
let backup: BackupRecord

beforeAll(async () => {
  lab = await openLab({ major: 16, walSegmentSizeMb: 1 })
  await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n')
  backup = await lab.backup()
})

afterAll(async () => {
  await lab[Symbol.asyncDispose]()
})

/** Lines of Prometheus' format, by what stands before the value. */
function valuesIn(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

const ofFull = '{repository="main",kind="full",cluster="lab"}'

describe('holdfast metrics', () => {
  test('prints what is there as Prometheus reads it', async () => {
    const { out } = await lab.ok(['metrics'])
    const values = valuesIn(out)
    expect(values.get(`holdfast_backup_size_bytes${ofFull}`)).toBe(backup.sizes.storedBytes)
    expect(values.get(`holdfast_backup_duration_seconds${ofFull}`)).toBe(backup.durationMs / 1000)
    expect(values.get(`holdfast_backup_last_success_timestamp_seconds${ofFull}`)).toBe(
      Date.parse(backup.endedAt) / 1000,
    )
    expect(values.get('holdfast_repository_reachable{repository="main",cluster="lab"}')).toBe(1)
    expect(values.get('holdfast_wal_gaps{repository="main",cluster="lab"}')).toBe(0)
    if (hasPromtool) expect(promtool(['check', 'metrics'], out)).toBe('')
  })

  test('writes a file for collectors, readable for all and at once', async () => {
    const folder = lab.server.root
    const path = join(folder, 'holdfast.prom')
    expect((await lab.ok(['metrics', '--output', path])).out).toBe('')
    expect(statSync(path).mode & 0o777).toBe(0o644)
    expect(readdirSync(folder).filter(name => name.startsWith('holdfast.prom'))).toEqual(['holdfast.prom'])
    const before = readFileSync(path, 'utf8')
    const missing = await lab.run(['metrics', '--json', '--output', join(folder, 'not-there', 'x.prom')])
    expect(faultOf(missing).message).toContain('not-there/x.prom can not be written')
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(existsSync(join(folder, 'not-there'))).toBe(false)
  })

  test('of a repository that is away tells that it is, and succeeds', async () => {
    const config = lab.writeRepositoryConfig('away.yaml', { url: `file://${join(lab.server.root, 'away')}` })
    const { samples } = await lab.json<{ samples: readonly Sample[] }>(['--config', config, 'metrics'])
    const valueOf = (name: string): number | undefined => samples.find(one => one.name === name)?.value
    expect(valueOf('holdfast_repository_reachable')).toBe(0)
    expect(valueOf('holdfast_status_level')).toBe(3)
    expect(valueOf('holdfast_backups')).toBeUndefined()
  })
})
