/** Whether the volumes of a snapshot are there for this host. */
import { hostname } from 'node:os'
import { Fault, isFault } from '../../base/fault.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { SnapshotVolumeRecord } from '../../repository/format/snapshot-part.ts'
import type { KnownSnapshot, SnapshotProvider, SnapshotState } from '../../snapshots/provider.ts'

/** Opens what a record names. */
export type OpenProvider = (name: string) => Promise<SnapshotProvider>

export interface Absence {
  readonly volume: string
  readonly reference: string
  /** `unknown`: the provider could not be asked. */
  readonly what: 'gone' | 'failed' | 'unknown'
  readonly message: string
}

export const knownSnapshot = ({ name, reference, details }: SnapshotVolumeRecord): KnownSnapshot => ({
  volume: name,
  reference,
  details,
})

/** The volume's own, and its copies in other regions. */
export const allSnapshotsOf = (volume: SnapshotVolumeRecord): readonly KnownSnapshot[] => [
  knownSnapshot(volume),
  ...volume.copies.map(({ reference, details }) => ({ volume: volume.name, reference, details })),
]

/** The copy in the region of this host, where there is one: only from there can it be restored here. */
export async function nearestSnapshot(
  { regions }: Pick<SnapshotProvider, 'regions'>,
  volume: SnapshotVolumeRecord,
  signal: AbortSignal,
): Promise<KnownSnapshot> {
  const here = volume.copies.length === 0 ? undefined : await regions?.here(signal)
  const copy = volume.copies.find(({ region }) => region === here)
  if (!copy) return knownSnapshot(volume)
  return { volume: volume.name, reference: copy.reference, details: copy.details }
}

/** Volumes that are not there, or of which nobody can tell; none: the snapshot is whole. */
export async function absencesOf(
  record: Pick<BackupRecord, 'snapshot' | 'host'>,
  open: OpenProvider,
  signal: AbortSignal,
): Promise<readonly Absence[]> {
  const { snapshot, host } = record
  if (!snapshot) return []
  const absences: Absence[] = []
  try {
    const provider = await open(snapshot.provider)
    try {
      for (const volume of snapshot.volumes) {
        const absence = await absenceOf(provider, volume, host, signal)
        if (absence) absences.push(absence)
      }
    } finally {
      await provider.close()
    }
  } catch (error) {
    if (!isFault(error)) throw error
    signal.throwIfAborted()
    const [first] = snapshot.volumes
    const { name: volume = '', reference = '' } = first ?? {}
    absences.push({ volume, reference, what: 'unknown', message: error.message })
  }
  return absences
}

/** Of one volume's snapshot, in another region. */
export interface CopyState {
  readonly volume: string
  readonly region: string
  readonly reference: string
  readonly state: 'ready' | 'pending' | 'failed' | 'gone' | 'unknown'
  /** `the copy eu-west-1/snap-… of data is gone`. */
  readonly message: string
}

/** How far the copies are: their completion is the provider's, and may be long after the backup's end. */
export async function copiesOf(
  { snapshot }: Pick<BackupRecord, 'snapshot'>,
  open: OpenProvider,
  signal: AbortSignal,
): Promise<readonly CopyState[]> {
  const volumes = snapshot?.volumes.filter(({ copies }) => copies.length > 0) ?? []
  if (!snapshot || volumes.length === 0) return []
  const states: CopyState[] = []
  const provider = await open(snapshot.provider)
  try {
    for (const { name: volume, copies } of volumes)
      for (const { region, reference, details } of copies) {
        const copy = { volume, region, reference }
        const of = `the copy ${reference} of ${volume}`
        try {
          const found = await provider.describe({ volume, reference, details }, signal)
          states.push({ ...copy, ...saidOfCopy(of, found) })
        } catch (error) {
          if (!isFault(error)) throw error
          signal.throwIfAborted()
          states.push({
            ...copy,
            state: 'unknown',
            message: `${of} could not be asked for: ${error.message}`,
          })
        }
      }
  } finally {
    await provider.close()
  }
  return states
}

function saidOfCopy(of: string, found: SnapshotState | undefined): Pick<CopyState, 'state' | 'message'> {
  if (!found) return { state: 'gone', message: `${of} is gone` }
  const { state, percent } = found
  const said = {
    ready: 'is complete',
    pending: `is being made${percent === undefined ? '' : `, ${String(percent)} %`}`,
    failed: 'has failed',
  }[state]
  return { state, message: `${of} ${said}` }
}

/** One that a region's loss would show to be missing. */
export const isCopyLost = ({ state }: Pick<CopyState, 'state'>): boolean =>
  state === 'gone' || state === 'failed'

export interface Vanished extends Absence {
  /** Of the backup. */
  readonly id: string
}

/** Of many backups: volumes that are gone, or have failed. What can not be seen from here may well be there. */
export async function vanishedOf(
  records: readonly Pick<BackupRecord, 'id' | 'snapshot' | 'host'>[],
  open: OpenProvider,
  signal: AbortSignal,
): Promise<readonly Vanished[]> {
  const found = records.map(async record =>
    (await absencesOf(record, open, signal)).map(absence => ({ ...absence, id: record.id })),
  )
  return (await Promise.all(found)).flat().filter(({ what }) => what !== 'unknown')
}

export interface LostCopy extends CopyState {
  readonly id: string
}

/** Where nobody can be asked, nothing is said. */
export async function lostCopiesOf(
  records: readonly Pick<BackupRecord, 'id' | 'snapshot'>[],
  open: OpenProvider,
  signal: AbortSignal,
): Promise<readonly LostCopy[]> {
  const found = records.map(async record => {
    try {
      return (await copiesOf(record, open, signal)).map(copy => ({ ...copy, id: record.id }))
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      return []
    }
  })
  return (await Promise.all(found)).flat().filter(isCopyLost)
}

/** By backup: why no moment can be restored from it. */
export function whyVanished(vanished: readonly Vanished[]): ReadonlyMap<string, string> {
  return new Map(vanished.toReversed().map(({ id, message }) => [id, `can not be restored: ${message}`]))
}

async function absenceOf(
  provider: SnapshotProvider,
  volume: SnapshotVolumeRecord,
  host: string,
  signal: AbortSignal,
): Promise<Absence | undefined> {
  const { name, reference } = volume
  try {
    const state = await provider.describe(await nearestSnapshot(provider, volume, signal), signal)
    if (state && state.state !== 'failed') return undefined
    const what = state ? 'failed' : isElsewhere(provider, host) ? 'unknown' : 'gone'
    return {
      volume: name,
      reference,
      what,
      message: `the snapshot ${reference} of ${name} ${sayings[what](host)}`,
    }
  } catch (error) {
    if (!isFault(error)) throw error
    signal.throwIfAborted()
    return { volume: name, reference, what: 'unknown', message: error.message }
  }
}

const sayings: Readonly<Record<Absence['what'], (host: string) => string>> = {
  failed: () => 'has failed',
  gone: () => 'is gone',
  unknown: host => `is not on this host; it was taken on ${host}`,
}

const isElsewhere = ({ name }: SnapshotProvider, host: string): boolean =>
  onHost.includes(name) && host !== hostname()

/** Seen only from the host that has the disks. */
const onHost: readonly string[] = ['btrfs', 'reflink', 'zfs', 'lvm']

/** SNAPSHOT_MISSING when it can not be restored from here. */
export function assertPresent(id: string, absences: readonly Absence[]): void {
  const [first] = absences
  if (!first) return
  throw new Fault('SNAPSHOT_MISSING', `${id} can not be restored here: ${first.message}`, {
    hint: 'Restore where its volumes can be reached, or from another backup: without --backup the newest that can be restored here is taken.',
  })
}
