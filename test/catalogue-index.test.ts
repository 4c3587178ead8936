/** The index of the catalogue is a cache: with the real program, whatever happens to it or behind its back costs only time. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { jsonOf } from './support/holdfast.ts'
import { copyOfRepository } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'

let lab: Lab
let backups: readonly BackupRecord[]

beforeAll(async () => {
  lab = await openLab({ major: 17, config: { workers: 2 } })
  backups = [await lab.backup(), await lab.backup(), await lab.backup()]
})
afterAll(() => lab[Symbol.asyncDispose]())

/** Runs Holdfast on a copy of the repository to which `harm` was done. */
async function after(harm: (cluster: string) => void, ...args: readonly string[]) {
  using copy = copyOfRepository(lab)
  harm(join(copy.directory, lab.cluster))
  const config = lab.writeRepositoryConfig('copy.yaml', { url: `file://${copy.directory}` })
  return await lab.run(['--config', config, ...args])
}

const remove = (cluster: string, n: number): void => {
  rmSync(join(cluster, 'backups', backups[n]?.id ?? 'none'), { recursive: true })
}
const plan = (): readonly string[] => [
  'restore',
  '--plan',
  '--json',
  '--target-dir',
  join(lab.server.root, 'target'),
]

describe('the index of the catalogue', () => {
  test('is written by backups, and list, which reads it, shows what list --full finds', async () => {
    expect(readdirSync(join(lab.repositoryDirectory, lab.cluster, 'catalog'))).toHaveLength(2)
    const ids = backups.map(({ id }) => id)
    for (const args of [['list'], ['list', '--full']])
      expect((await lab.json<readonly BackupRecord[]>(args)).map(({ id }) => id)).toEqual(ids)
  })

  test('that is gone or damaged is not missed, and verify tells of the damage', async () => {
    const gone = await after(
      cluster => rmSync(join(cluster, 'catalog'), { recursive: true }),
      'list',
      '--json',
    )
    expect(jsonOf<readonly BackupRecord[]>(gone)).toHaveLength(3)
    const damage = (cluster: string): void => {
      for (const name of readdirSync(join(cluster, 'catalog')))
        writeFileSync(join(cluster, 'catalog', name), '{')
    }
    expect(jsonOf<readonly BackupRecord[]>(await after(damage, 'list', '--json'))).toHaveLength(3)
    const verified = await after(damage, 'verify')
    expect([verified.status, verified.out]).toEqual([25, expect.stringContaining('catalog')])
  })

  test('that names a backup which somebody took away does not lead a restore astray', async () => {
    const newest = await after(
      cluster => {
        remove(cluster, 2)
      },
      ...plan(),
    )
    expect(newest.out + newest.err).toContain(backups[1]?.id)
    const named = await after(
      cluster => {
        remove(cluster, 1)
      },
      ...plan(),
      '--backup',
      backups[1]?.id ?? '',
    )
    expect(faultOf(named).code).toBe('BACKUP_NOT_FOUND')
  })
})
