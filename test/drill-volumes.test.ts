/** Drills of snapshots that come back as new volumes: these are taken away afterwards, by whoever comes next if need be. */
import { chmodSync, existsSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DrillReport } from '../src/repository/format/drill-record.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { loopMissing } from './support/loop-file-systems.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openSnapshotLab, type SnapshotClusterLab } from './support/snapshot-cluster.ts'
import { exampleScript } from './support/snapshot-labs.ts'
import { until } from './support/until.ts'

const reason = loopMissing('xfs')
if (reason !== undefined) console.warn(`left out: drills of snapshots that make volumes: ${reason}`)

describe.skipIf(reason !== undefined)('a drill of a snapshot that makes a volume', () => {
  const patience = { timeout: 300_000 }
  let scene: SnapshotClusterLab
  let place: string
  let calls: string
  let id: string

  beforeAll(async () => {
    scene = await openSnapshotLab({ major: 15, build: 'debian' }, 'xfs')
    const { lab } = scene
    const { root } = lab.server
    place = join(root, 'restored')
    makeOwned(place)
    calls = join(root, 'calls')
    const script = join(root, 'snapshot-command.mjs')
    lab.write(script, readFileSync(exampleScript))
    const program = join(root, 'snapshot-command.sh')
    lab.write(
      program,
      `#!/bin/sh\necho "$1" >> '${calls}'\n[ "$1" = discard ] && [ -e '${calls}.broken' ] && exit 9\nexec '${process.execPath}' '${script}' none "$1"\n`,
    )
    for (const path of [script, program]) chmodSync(path, 0o755)
    lab.writeConfig('holdfast.yaml', {
      agent: { state: join(root, 'state') },
      snapshots: { provider: 'command', command: { program: [program] } },
      drills: { scratch: place, kinds: ['snapshot'] },
    })
    await lab.server.query('CREATE TABLE here AS SELECT 1 AS n')
    await lab.server.query('CREATE TABLE there TABLESPACE fast AS SELECT 1 AS n')
    id = (await scene.snapshot()).id
    await lab.server.query('INSERT INTO there VALUES (2)')
    await lab.archiveAll()
  })

  afterAll(() => scene[Symbol.asyncDispose]())

  const called = (verb: string): number =>
    readFileSync(calls, 'utf8')
      .split('\n')
      .filter(one => one === verb).length

  test('replays on it, asks its questions, and takes it away', patience, async () => {
    const run = await scene.lab.run(['drill', '--json'])
    const found = jsonOf<DrillReport>(run)
    expect(run.status, describeRun(run)).toBe(0)
    expect(found).toMatchObject({ outcome: 'passed', source: { backup: id, kind: 'snapshot' } })
    expect(found.rowCounts.map(({ table, rows }) => `${table} ${String(rows)}`)).toEqual([
      'public.here 1',
      'public.there 2',
    ])
    expect(found.checklist.find(one => one.id === 'page-checksums')?.state).toBe('ok')
    expect(found.notes.join()).toContain('a copy of')
    expect([called('restore'), called('discard')]).toEqual([1, 1])
    expect(readdirSync(place)).toEqual([])
  })

  test(
    'that was killed leaves it to the next one, which keeps it as long as it can not be taken away',
    patience,
    async () => {
      const { lab } = scene
      const running = lab.start(['drill'])
      await until('the drilled server runs', () => {
        const name = readdirSync(place).find(one => !one.includes('.json'))
        return name !== undefined && serversIn(place) ? name : undefined
      })
      running.kill('SIGKILL')
      await running.ended
      lab.write(`${calls}.broken`, '')
      const kept = await lab.run(['drill', '--clean'])
      expect(kept.err).toMatch(/stays: the volume of data of \S+-snapshot, made by command: /)
      const [name = ''] = readdirSync(place)
      expect(existsSync(join(place, name, 'data.volumes/data'))).toBe(true)
      rmSync(`${calls}.broken`)
      const clean = await lab.ok(['drill', '--clean'])
      expect(clean.err).toContain('which a drill that was killed had left behind')
      expect(readdirSync(place)).toEqual([])
      expect(serversIn(place)).toBe(false)
    },
  )
})

/** Whether a process works somewhere in the folder. */
function serversIn(folder: string): boolean {
  return readdirSync('/proc').some(name => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`).startsWith(`${folder}/`)
    } catch {
      return false
    }
  })
}
