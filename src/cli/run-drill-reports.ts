/** What is known of drills: listed, and held against its signatures. */
import { open, stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf, Fault, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatBytes } from '../base/units.ts'
import { openHostKey } from '../operations/drill/report/host-key.ts'
import { fingerprintOf } from '../operations/drill/report/signature.ts'
import { readAllDrills, type KnownDrill } from '../operations/drill/report/united-drills.ts'
import {
  verifyDrillFile,
  verifyStoredDrill,
  type VerifiedDrill,
} from '../operations/drill/report/verify-drill.ts'
import type { Sources } from '../operations/sources/source.ts'
import { readDrillFile, findDrill } from '../repository/drill-catalog.ts'
import { parseDrillReport } from '../repository/format/drill-json.ts'
import type { CommandContext } from './context.ts'
import { notRead } from './describe-catalog.ts'
import { drillListing } from './describe-drill.ts'
import { drillTable, trendText } from './describe-drills.ts'
import { hostKeyPathOf, knownKeys } from './drill-keys.ts'
import { openSources } from './sources.ts'
import { listingOf } from './table.ts'

/** All that is known, with what could not be read told. */
export async function drillsIn(
  context: CommandContext,
  repository: string | undefined,
  how: { readonly keys: boolean },
): Promise<readonly KnownDrill[]> {
  return knownDrillsOf(context, await openSources(context, { repository, only: true }, how))
}

export async function knownDrillsOf(
  { output, signal }: CommandContext,
  sources: Sources,
): Promise<readonly KnownDrill[]> {
  const { drills, damaged, closed } = await readAllDrills(sources.open, signal)
  for (const source of [...sources.closed, ...closed]) output.warn(notRead(source))
  for (const { id, repository: name, fault } of damaged)
    output.warn(`${id} in ${name} can not be read: ${fault.message}`)
  return drills
}

export async function listDrills(context: CommandContext, repository: string | undefined): Promise<void> {
  const { output } = context
  const drills = await drillsIn(context, repository, { keys: false })
  if (drills.length === 0) output.note('there was no drill yet; holdfast drill makes one')
  output.result(
    drills.map(({ summary, sources }) => ({ ...summary, repositories: sources.map(({ name }) => name) })),
    () => (drills.length === 0 ? '' : drillTable(drills)),
  )
  const trend = trendText(drills.map(({ summary }) => summary))
  if (trend !== undefined) output.note(trend)
}

/** The one that a person means: its id, the beginning of one, or `latest`. */
export function chooseDrill(drills: readonly KnownDrill[], given: string): KnownDrill {
  const fitting =
    given === 'latest' ? drills.slice(-1) : drills.filter(({ summary }) => summary.id.startsWith(given))
  const found =
    fitting.find(({ summary }) => summary.id === given) ?? (fitting.length === 1 ? fitting[0] : undefined)
  if (found) return found
  const ids = (fitting.length > 0 ? fitting : drills).slice(-10).map(({ summary }) => summary.id)
  throw new Fault(
    'DRILL_NOT_FOUND',
    fitting.length > 1 ? `several drills begin with "${given}"` : `there is no drill "${given}"`,
    {
      hint:
        ids.length > 0
          ? `Give one of: ${ids.join(', ')}.`
          : 'Run one with `holdfast drill`: there is none yet.',
    },
  )
}

export async function verifyDrill(
  context: CommandContext,
  given: {
    readonly report: string
    readonly key: readonly string[]
    readonly repository: string | undefined
  },
): Promise<void> {
  const { output, signal, terminal } = context
  const keys = await knownKeys(context, given.key)
  const path = resolve(terminal.workingDirectory, given.report)
  const bytes = await readFileIfAny(path, given.report)
  const verify = async (): Promise<VerifiedDrill & { readonly where: string }> => {
    if (bytes) return { ...verifyDrillFile(bytes, given.report, keys), where: given.report }
    if (/[/\\]|\.(?:html|json)$/.test(given.report))
      throw new Fault('DRILL_NOT_FOUND', `there is no file ${given.report}`, {
        hint: 'Name a file that holdfast drill show wrote, or the id of a drill: holdfast drill list.',
      })
    const { summary, sources } = chooseDrill(
      await drillsIn(context, given.repository, { keys: true }),
      given.report,
    )
    const [source] = sources
    return { ...(await verifyStoredDrill(source, summary.id, keys, signal)), where: source.name }
  }
  const verified = await verify()
  output.result(verified, () =>
    listingOf([
      ['drill', `${verified.id}: ${verified.outcome}`],
      ['signed by', `${verified.host ?? verified.signer}, with ${verified.fingerprint}`],
      ['known as', verified.signer],
      ['checked', `${verified.checked.join(', ')} in ${verified.where}: as they were signed`],
    ]),
  )
}

/** What was asked and answered; or the page, written to a file. */
export async function showDrill(
  context: CommandContext,
  given: {
    readonly id: string
    readonly html: string | undefined
    readonly report: string | undefined
    readonly repository: string | undefined
  },
): Promise<void> {
  const { output, signal, terminal } = context
  const known = chooseDrill(await drillsIn(context, given.repository, { keys: true }), given.id)
  const [{ repository, identities, name }] = known.sources
  const record = await findDrill(repository, known.summary.id, signal)
  if (!record)
    throw new Fault('DRILL_NOT_FOUND', `${known.summary.id} is not in ${name} any more`, {
      hint: 'Run holdfast drill list to see which there are.',
    })
  const bytes = await readDrillFile(repository, record, 'report', identities, signal)
  const write = async (path: string, contents: Uint8Array): Promise<void> => {
    await writePrivately(resolve(terminal.workingDirectory, path), contents)
    output.note(`written: ${path}`)
  }
  if (given.html !== undefined)
    await write(given.html, await readDrillFile(repository, record, 'page', identities, signal))
  if (given.report !== undefined) await write(given.report, bytes)
  const report = parseDrillReport(bytes, record.id)
  output.result(report, () => ((given.html ?? given.report) === undefined ? drillListing(report) : ''))
}

/** It tells of the data. */
async function writePrivately(path: string, contents: Uint8Array): Promise<void> {
  try {
    await writeFile(path, contents, { mode: 0o600, flush: true })
  } catch (error) {
    throw new Fault('FAILED', `${path} can not be written: ${messageOf(error)}`, {
      hint: 'Name a file in a folder that the user who runs this command may write to.',
      cause: error,
    })
  }
}

/** Undefined when it is none, and so perhaps an id. */
async function readFileIfAny(path: string, given: string): Promise<Uint8Array | undefined> {
  try {
    if (!(await stat(path)).isFile()) return undefined
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    if (size <= limits.recordSizeBytesMax) return await file.readFile()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw unreadable(given, messageOf(error), error)
  }
  throw unreadable(
    given,
    `it has more than the ${formatBytes(limits.recordSizeBytesMax)} that a report can have`,
  )
}

const unreadable = (given: string, why: string, cause?: unknown): Fault =>
  new Fault('FAILED', `${given} can not be read: ${why}`, {
    hint: 'Give a report or a page that holdfast drill made, or the id of a drill.',
    cause,
  })

/** Of this host; made when there is none yet, so that it can be pinned elsewhere before the first drill. */
export async function showHostKey(context: CommandContext): Promise<void> {
  const path = await hostKeyPathOf((await context.config()).config, context.terminal)
  const { public: key } = await openHostKey(path, context.world)
  const fingerprint = fingerprintOf(key)
  context.output.result({ key, fingerprint, path }, () =>
    listingOf([
      ['key', key],
      ['fingerprint', fingerprint],
      ['secret in', path],
    ]),
  )
}
