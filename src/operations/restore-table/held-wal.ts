/**
 * The WAL of a plan, when it is little: fetched and filtered beforehand, so that the scratch server takes it from a folder
 * and no process is started for each segment. The plan has proven what there is, so what is not there does not exist.
 */
import { chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { shellWord } from '../../base/shell-word.ts'
import { crc32c } from '../../pipeline/crc32c.ts'
import type { RestorePlan } from '../../policy/restore-plan.ts'
import { withholdRecords } from '../../postgres/wal-records/withhold-records.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import { classifyWalFile } from '../../wal/segment.ts'
import { wantedBy, type WalFilter } from '../wal-filter.ts'
import type { FileOwner } from '../workers/messages.ts'

export const isLittle = ({ wal }: RestorePlan): boolean => wal.rawBytes <= limits.restoreTableWalHeldBytesMax

/** Returns the restore_command. */
export async function holdWal(
  wal: Pick<WalStore, 'get'>,
  {
    plan,
    folder,
    filter,
    owner,
  }: {
    readonly plan: RestorePlan
    readonly folder: string
    readonly filter: WalFilter
    readonly owner: FileOwner | undefined
  },
  signal: AbortSignal,
): Promise<string> {
  await mkdir(folder, { mode: 0o700 })
  if (owner) await chown(folder, owner.userId, owner.groupId)
  const { segments, partial, histories } = plan.wal
  const isWanted = wantedBy(filter)
  const names = [...segments, ...histories, ...(partial === undefined ? [] : [partial])]
  await inParallel(
    names,
    limits.walFetchAheadParallel,
    async (name, stop) => {
      const bytes = await wal.get(name, stop)
      if (!bytes) throw vanished(name)
      if (classifyWalFile(name)?.kind !== 'history') withholdRecords(bytes, isWanted, crc32c)
      const path = join(folder, name.replace(/\.partial$/, ''))
      await writeFile(path, bytes, { mode: 0o600 })
      if (owner) await chown(path, owner.userId, owner.groupId)
    },
    signal,
  )
  const held = `${shellWord(folder.replaceAll('%', '%%'))}/%f`
  return `test -f ${held} && cp ${held} "%p"`
}

function vanished(name: string): Fault {
  return new Fault('OBJECT_MISSING', `${name} was there when this restore was planned, and is gone`, {
    hint: 'Find out what deletes from the repository, then try again.',
  })
}
