/** Whose turn it is to be drilled, from where, and to which point: chosen and laid out. */
import { dirname, join } from 'node:path'
import { Fault, isFault } from '../base/fault.ts'
import { seededRandom, type Random } from '../base/seeded-random.ts'
import type { DrillKind } from '../config/drills.ts'
import { pickOne, randomPoint, turnsInOrder, type Turn } from '../operations/drill/pick.ts'
import type { Prepared, SourceFacts } from '../operations/drill/prepared.ts'
import { sameCopies } from '../operations/restore-dump/same-copies.ts'
import { readCatalogs, readCopies, type KnownBackup } from '../operations/sources/catalog.ts'
import { readAllDumps, readDumpCopies, type KnownDump } from '../operations/sources/dumps.ts'
import type { Source, Sources } from '../operations/sources/source.ts'
import { describeTrouble, TroubleLog } from '../operations/sources/trouble.ts'
import { factsOf, readArchive } from '../operations/wal-archive.ts'
import { describeTarget } from '../policy/recovery-target.ts'
import { windowReport } from '../policy/window.ts'
import type { DrillReport, DrillSummary } from '../repository/format/drill-record.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'
import { isoMicros } from '../wal/time.ts'
import type { CommandContext } from './context.ts'
import { notRead } from './describe-catalog.ts'
import { forgetAsRestores, forgetInDump } from './drill-erasures.ts'
import { mustThaw } from './describe-thaw.ts'
import { chooseBackup } from './find-backup.ts'
import { chooseDump } from './find-dump.ts'
import { layOut, type LaidOut, type RestoreWords } from './restore-setup.ts'
import { openSources, unitedWal } from './sources.ts'
import type { Mapping } from './usage.ts'

/** What was given on the command line. */
export interface DrillWords {
  readonly kind: DrillKind | undefined
  readonly repository: string | undefined
  readonly backup: string | undefined
  readonly target: 'latest' | 'random' | undefined
  readonly seed: number | undefined
  readonly scratchDir: string | undefined
}

export interface Past {
  /** Oldest first. */
  readonly drills: readonly DrillSummary[]
  /** The report of the newest that came to its end. */
  readonly last: DrillReport | undefined
}

export interface Circumstances {
  readonly past: Past
  readonly seed: number
  readonly dataDirectory: string
}

/** The first whose turn it is and of which there is anything. */
export async function prepareDrill(
  context: CommandContext,
  words: DrillWords,
  how: Circumstances,
): Promise<Prepared> {
  const { config } = await context.config()
  const { drills } = config
  const choice = {
    kinds: words.kind === undefined ? kindsFor(words.backup, drills.kinds) : [words.kind],
    repositories: words.repository === undefined ? drills.repositories : [words.repository],
  }
  const target = words.target ?? drills.target
  const random = seededRandom(how.seed)
  const passedOver: string[] = []
  for (const turn of turnsInOrder(choice, how.past.drills.flatMap(pastOf))) {
    const choosing = { turn, target, random, backup: words.backup, dataDirectory: how.dataDirectory }
    const prepared = await (turn.kind === 'dump' ? prepareDump : prepareBackup)(context, choosing)
    if (!prepared) {
      passedOver.push(`${nameOf(turn)}: there is none yet`)
      continue
    }
    return { ...prepared, facts: { ...prepared.facts, notes: [...passedOver, ...prepared.facts.notes] } }
  }
  throw new Fault('BACKUP_NOT_FOUND', `there is nothing to drill: ${passedOver.join('; ')}`, {
    hint: 'Take a backup (holdfast backup, holdfast dump, holdfast snapshot), or name other kinds and repositories in `drills`.',
  })
}

/** An id tells its kind. */
function kindsFor(backup: string | undefined, kinds: readonly DrillKind[]): readonly DrillKind[] {
  if (backup === undefined) return kinds
  return backup.endsWith('-dump') ? ['dump'] : backup.endsWith('-snapshot') ? ['snapshot'] : ['backup']
}

const nameOf = ({ kind, repository }: Turn): string =>
  `a ${kind}${repository === undefined ? '' : ` from ${repository}`}`

function pastOf({ source, startedAt }: DrillSummary): readonly {
  kind: DrillKind
  repository: string
  startedAt: string
}[] {
  const { kind, repository } = source
  if (kind === null || kind === 'managed') return []
  const drilled = kind === 'dump' || kind === 'snapshot' ? kind : 'backup'
  return [{ kind: drilled, repository, startedAt }]
}

interface Choosing {
  readonly turn: Turn
  readonly target: 'latest' | 'random'
  readonly random: Random
  readonly backup: string | undefined
  readonly dataDirectory: string
}

/** A repository that is named is read alone: that it can be is what the drill proves. */
async function sourcesOf(context: CommandContext, { repository }: Turn): Promise<Sources> {
  const sources = await openSources(context, { repository, only: repository !== undefined }, { keys: true })
  for (const source of sources.closed) context.output.warn(notRead(source))
  return sources
}

const placeOf = (source: Source | undefined): Pick<SourceFacts, 'repository' | 'location'> => ({
  repository: source?.name ?? '',
  location: source?.repository.storage.location ?? '',
})

async function prepareDump(context: CommandContext, choosing: Choosing): Promise<Prepared | undefined> {
  const { signal, progress } = context
  const { open } = await sourcesOf(context, choosing.turn)
  const { dumps } = await readAllDumps(open, signal)
  const known: KnownDump | undefined =
    choosing.backup === undefined
      ? pickOne(dumps, choosing.target, choosing.random)
      : chooseDump(dumps, choosing.backup)
  if (!known) return undefined
  const troubles = new TroubleLog(trouble => {
    progress.note(describeTrouble(trouble))
  })
  const read = await readDumpCopies(known, troubles, signal)
  const copies = sameCopies(read)
  const [{ record, source }] = read
  const takenAt = record.databases.map(({ snapshotAt }) => snapshotAt).toSorted()[0] ?? record.startedAt
  const isLatest = known === dumps.at(-1)
  const { rawBytes, storedBytes } = record.sizes
  return {
    kind: 'dump',
    record,
    copies,
    troubles,
    forget: await forgetInDump(context, record, open),
    facts: {
      ...placeOf(source),
      backup: record.id,
      kind: 'dump',
      takenAt,
      target: { asked: isLatest ? 'the latest dump' : `dump ${record.id}`, time: takenAt, lsn: null },
      isLatest,
      sizes: { rawBytes, storedBytes, walBytes: 0 },
      notes: [],
    },
  }
}

async function prepareBackup(context: CommandContext, choosing: Choosing): Promise<Prepared | undefined> {
  const sources = await sourcesOf(context, choosing.turn)
  const { backups } = await readCatalogs(sources.open, { full: false }, context.signal)
  const isWanted = ({ kind }: { readonly kind: string }): boolean =>
    (kind === 'snapshot') === (choosing.turn.kind === 'snapshot')
  const wanted = backups.filter(({ summary }) => isWanted(summary))
  const choose = await pointChooser(context, choosing, sources, { backups, wanted })
  const first = choose()
  if (!first) return undefined
  const { laidOut, note } = await layOutPoint(context, choosing, { first, choose, wanted })
  if (laidOut.thaw) throw mustThaw(laidOut.thaw)
  const { deps, layout, recovery, snapshot } = laidOut
  const { plan, record } = layout
  const [copy] = deps.copies
  const { target } = plan
  return {
    kind: 'backup',
    deps,
    layout,
    recovery,
    snapshot,
    forget: forgetAsRestores(context, laidOut.erasures, record.id),
    facts: {
      ...placeOf(copy?.source),
      backup: record.id,
      kind: record.kind,
      takenAt: record.endedAt,
      target: {
        asked: target.kind === 'lsn' ? `a random point, ${describeTarget(target)}` : describeTarget(target),
        time: plan.stop.last === undefined ? null : isoMicros(plan.stop.last.time),
        lsn: formatLsn(plan.stop.lsn),
      },
      isLatest: target.kind === 'latest',
      sizes: {
        rawBytes: record.sizes.rawBytes,
        storedBytes: record.sizes.storedBytes,
        walBytes: plan.wal.rawBytes,
      },
      notes: note === undefined ? [] : [note],
    },
  }
}

interface ChosenPoint {
  readonly backup: string
  /** Undefined: to the end. */
  readonly lsn: Lsn | undefined
}

/** Each call draws another point, when it is by chance. */
async function pointChooser(
  context: CommandContext,
  { backup, target, random }: Choosing,
  sources: Sources,
  { backups, wanted }: { readonly backups: readonly KnownBackup[]; readonly wanted: readonly KnownBackup[] },
): Promise<() => ChosenPoint | undefined> {
  if (backup !== undefined) {
    const { id } = chooseBackup(wanted, backup, ({ summary }) => summary.id).summary
    return () => ({ backup: id, lsn: undefined })
  }
  const good = wanted.filter(({ summary }) => summary.checks.pagesCorrupt === 0)
  const newest = (good.at(-1) ?? wanted.at(-1))?.summary.id
  const latest = newest === undefined ? undefined : { backup: newest, lsn: undefined }
  if (target === 'latest' || !latest) return () => latest
  const troubles = new TroubleLog(trouble => {
    context.progress.note(describeTrouble(trouble))
  })
  const wal = unitedWal(sources, { clock: context.world.clock, troubles })
  const segmentSizeBytes = sources.open[0]?.repository.identity.walSegmentSizeBytes ?? 0
  const archive = await readArchive(wal, segmentSizeBytes, context.signal, { passOver: ['OBJECT_CORRUPT'] })
  const { windows } = windowReport(
    archive,
    backups.map(({ summary }) => factsOf(summary)),
  )
  const ids = new Set(wanted.map(({ summary }) => summary.id))
  return () => randomPoint(windows, ({ id }) => ids.has(id), random) ?? latest
}

/** The end of a segment may be empty, and a point there behind the last record: then others are drawn, and the latest is sure. */
const drawsMax = 8

async function layOutPoint(
  context: CommandContext,
  choosing: Choosing,
  {
    first,
    choose,
    wanted,
  }: {
    readonly first: ChosenPoint
    readonly choose: () => ChosenPoint | undefined
    readonly wanted: readonly KnownBackup[]
  },
): Promise<{ readonly laidOut: LaidOut; readonly note: string | undefined }> {
  let point = first
  for (let draws = 1; ; draws++) {
    const { words, note } = await wordsFor(context, choosing, point, wanted)
    try {
      return { laidOut: await layOut(context, words), note }
    } catch (error) {
      if (point.lsn === undefined || !isFault(error, 'TARGET_UNREACHABLE')) throw error
      const next = draws < drawsMax ? choose() : undefined
      point = next ?? { backup: point.backup, lsn: undefined }
    }
  }
}

async function wordsFor(
  context: CommandContext,
  { turn: { repository }, dataDirectory }: Choosing,
  { backup, lsn }: ChosenPoint,
  wanted: readonly KnownBackup[],
): Promise<{ readonly words: RestoreWords; readonly note: string | undefined }> {
  const { config } = await context.config()
  const others = Object.keys(config.repositories).filter(name => name !== repository)
  const words: RestoreWords = {
    targetDir: dataDirectory,
    backup,
    latest: lsn === undefined,
    toLsn: lsn,
    toTime: undefined,
    toXid: undefined,
    toName: undefined,
    toImmediate: false,
    exclusive: false,
    timeline: undefined,
    action: undefined,
    tablespace: await tablespacesBeside(
      context,
      dataDirectory,
      wanted.find(({ summary }) => summary.id === backup),
    ),
    delta: false,
    force: false,
    standby: false,
    asReplacement: false,
    repository,
    without: repository === undefined ? [] : others,
    asOf: undefined,
    thaw: undefined,
    skipErasures: undefined,
  }
  const note =
    repository === undefined || others.length === 0
      ? undefined
      : `${repository} was read alone, as if ${others.join(', ')} were lost`
  return { words, note }
}

/** Their own places are in use by the live server. */
async function tablespacesBeside(
  { signal }: CommandContext,
  dataDirectory: string,
  known: KnownBackup | undefined,
): Promise<readonly Mapping[]> {
  if (!known) throw new Error('assertion failed: what was chosen is in the catalogue')
  const [copy] = await readCopies(known, new TroubleLog(() => undefined), signal)
  const place = dirname(dataDirectory)
  return (copy?.record.tablespaces ?? []).map(({ oid, location }) => ({
    from: location,
    to: join(place, `ts${String(oid)}`),
  }))
}
