/** From the command line to the archive of one repository, or to the rules of all. */
import { faultCatalogue } from '../base/fault.ts'
import type { KeepSpan } from '../base/units.ts'
import type { Config } from '../config/config.ts'
import {
  carryOutArchive,
  readArchiveContents,
  type ArchiveDeps,
  type ArchiveOrder,
  type ArchiveReport,
} from '../operations/archive/archive.ts'
import { archiveRepository } from '../repository/archive-repository.ts'
import { retentionOf } from '../operations/lock/lock-rules.ts'
import { listBackups } from '../repository/catalog.ts'
import { readDumps } from '../repository/dump-catalog.ts'
import { archiveOf } from '../repository/layout.ts'
import { archiveNameOf } from '../operations/sources/archive-name.ts'
import { ruleMatcher } from '../storage/object-rules.ts'
import type { CommandContext } from './context.ts'
import { archiveContentsTable, archiveText } from './describe-archive.ts'
import { chooseBackup } from './find-backup.ts'
import { lockAfterAll } from './lock-after.ts'
import { usageFault } from './usage.ts'

export interface ArchiveWords {
  readonly what: string | undefined
  readonly keep: KeepSpan | undefined
  readonly repository: string | undefined
  readonly dryRun: boolean
}

export async function runArchive(context: CommandContext, words: ArchiveWords): Promise<number | undefined> {
  const { config } = await context.config()
  const isByHand = words.what !== undefined && !Object.hasOwn(config.archives, words.what)
  if (isByHand !== (words.keep !== undefined))
    throw usageFault(
      isByHand ? `how long is ${words.what} to be kept?` : '--keep goes with an ID',
      isByHand
        ? `Say it with --keep 1y; or give one of the rules: ${Object.keys(config.archives).join(', ') || 'there are none'}.`
        : 'Rules say in the configuration how long they keep.',
    )
  const reports: ArchiveReport[] = []
  if (isByHand) reports.push(await byHand(context, config, words))
  else for (const name of rulesOf(config, words)) reports.push(await byRule(context, config, name, words))
  const contents = words.dryRun ? await contentsOf(context, config, words) : []
  context.output.result(words.dryRun ? { plan: reports, archived: contents } : reports, () =>
    [...reports.map(archiveText), ...(contents.length > 0 ? [archiveContentsTable(contents)] : [])].join(
      '\n',
    ),
  )
  const failed = reports.flatMap(({ problems }) => problems)
  if (failed.length > 0) return faultCatalogue.REPOSITORY_BEHIND.exit
  const unlocked = words.dryRun ? undefined : await lockAfterAll(context, archivesOf(config, words, isByHand))
  return unlocked && faultCatalogue[unlocked.code].exit
}

/** Those that were written into. */
function archivesOf(config: Config, words: ArchiveWords, isByHand: boolean): readonly string[] {
  const first = Object.keys(config.repositories)[0] ?? ''
  const places = isByHand
    ? [words.repository ?? first]
    : rulesOf(config, words).map(rule => placeOf(config, rule))
  return [...new Set(places)].map(archiveNameOf)
}

function rulesOf(config: Config, { what, repository }: ArchiveWords): readonly string[] {
  const names = Object.keys(config.archives).filter(
    name =>
      (what === undefined || name === what) &&
      (repository === undefined || placeOf(config, name) === repository),
  )
  if (names.length > 0) return names
  throw usageFault(
    'the configuration has no rule to carry out',
    'Write one under archives:, see docs/archive.md.',
  )
}

const placeOf = (config: Config, rule: string): string =>
  config.archives[rule]?.repository ?? Object.keys(config.repositories)[0] ?? ''

async function byRule(
  context: CommandContext,
  config: Config,
  name: string,
  { dryRun }: ArchiveWords,
): Promise<ArchiveReport> {
  const rule = config.archives[name]
  if (!rule) throw new Error('assertion failed: the rule was looked up')
  const place = placeOf(config, name)
  const { timeZone } = retentionOf(config, place)
  const { every, pick, keep } = rule
  const order: ArchiveOrder = { kind: 'rule', of: rule.of, rule: { name, every, pick, keep, timeZone } }
  return carryOutArchive(await depsOf(context, config, place), order, { dryRun }, context.signal)
}

async function byHand(context: CommandContext, config: Config, words: ArchiveWords): Promise<ArchiveReport> {
  const deps = await depsOf(context, config, words.repository)
  const { timeZone } = retentionOf(config, words.repository ?? Object.keys(config.repositories)[0] ?? '')
  const { repository } = deps.inside
  const [backups, { dumps }] = await Promise.all([
    listBackups(repository, context.signal),
    readDumps(repository, context.signal),
  ])
  const { id } = chooseBackup([...backups, ...dumps], words.what ?? '', one => one.id)
  const order: ArchiveOrder = { kind: 'one', id, keep: words.keep ?? 'forever', timeZone }
  return carryOutArchive(deps, order, { dryRun: words.dryRun }, context.signal)
}

async function depsOf(
  context: CommandContext,
  config: Config,
  name: string | undefined,
): Promise<ArchiveDeps> {
  const { world, progress, log } = context
  const { repository, description, name: place } = await context.openRepository(name)
  const { lies, seen } = archiveOf(config.cluster)
  const ruleOf = ruleMatcher(description.rules)
  const { classes, lock } = config.repositories[place] ?? {}
  return {
    world,
    progress,
    log,
    inside: {
      repository,
      archive: archiveRepository(repository),
      classOf: key => ruleOf(lies + key.slice(seen.length))?.storageClass,
    },
    lockMode: lock?.mode,
    storageClass: classes?.archive,
  }
}

export interface ArchivedLine {
  readonly repository: string
  readonly id: string
  readonly endedAt: string
  readonly storedBytes: number
  readonly reasons: readonly { readonly text: string; readonly untilMs: number | undefined }[]
}

async function contentsOf(
  context: CommandContext,
  config: Config,
  { repository }: ArchiveWords,
): Promise<readonly ArchivedLine[]> {
  const places =
    repository === undefined
      ? new Set(Object.keys(config.archives).map(rule => placeOf(config, rule)))
      : [repository]
  const lines: ArchivedLine[] = []
  for (const place of places) {
    const { inside } = await depsOf(context, config, place)
    const { items, verdicts } = await readArchiveContents(
      inside.archive,
      context.world.clock.now(),
      context.signal,
    )
    for (const { id, endedAt, storedBytes } of items)
      lines.push({
        repository: `${place}/archive`,
        id,
        endedAt,
        storedBytes,
        reasons: verdicts.find(verdict => verdict.id === id)?.reasons ?? [],
      })
  }
  return lines
}
