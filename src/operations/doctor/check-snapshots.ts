/** Whether snapshots can be taken on this host, and whether there are some that no backup speaks of. */
import type { World } from '../../base/world.ts'
import type { RightCheck, SnapshotCluster, SnapshotProvider } from '../../snapshots/provider.ts'
import { findOrphans, type Witness } from '../snapshot/orphans.ts'
import { treesOf } from '../snapshot/trees.ts'
import { advice, ok, problem, type Finding } from './finding.ts'

/** Undefined when the configuration has no section `snapshots`. */
export interface SnapshotsToCheck {
  readonly open: () => Promise<SnapshotProvider>
  readonly witnesses: readonly Witness[]
}

export async function checkSnapshots(
  world: World,
  { open, witnesses }: SnapshotsToCheck,
  owner: SnapshotCluster,
  dataDirectory: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const provider = await open()
  try {
    const volumes = await provider.volumesOf(await treesOf(dataDirectory), signal)
    const mountPaths = volumes.map(({ mountPath }) => mountPath)
    const listed = await provider.list(owner, mountPaths, signal)
    const found = await findOrphans({ world, witnesses }, listed, signal)
    const sources = volumes.map(({ source }) => source)
    return [
      ok('snapshots', `${provider.name} can snapshot ${sources.join(', ')}`),
      ...((await provider.rights?.(owner, volumes, signal)) ?? []).map(ofRight),
      ...found.orphans.map(({ reference, id }) =>
        advice(
          'snapshots',
          `${reference} (${id}) belongs to no backup${found.keptBecause === undefined ? '' : `, or not yet: ${found.keptBecause}`}`,
          'A run that was killed left it; the next `holdfast snapshot` removes it.',
        ),
      ),
      // Those of another repository are nothing to worry about: a clone of this server, or another configuration, has its own.
      ...found.unclaimed
        .filter(({ repository }) => repository === undefined)
        .map(({ reference, id }) =>
          advice(
            'snapshots',
            `${reference} (${id}) belongs to no backup here, and does not say for which repository it was made`,
            'It is never removed by Holdfast: find out whose it is, and remove it by hand.',
          ),
        ),
    ]
  } finally {
    await provider.close()
  }
}

function ofRight({ right, verdict, message = '' }: RightCheck): Finding {
  if (verdict === 'given') return ok('rights', `${right} is given`)
  if (verdict === 'missing')
    return problem(
      'rights',
      `${right} is not given to these credentials`,
      'Give them what `holdfast policy iam --role writer` prints.',
    )
  return advice(
    'rights',
    `whether ${right} is given could not be told: ${message}`,
    'Take a snapshot, and see.',
  )
}
