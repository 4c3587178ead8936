/** `expire`: lets go of entries of audit trails that are older than `audit.keep`, of this host and in the repositories. */
import { findOld, here, letGo, letGoAbout, letGoBy, letGoFacts } from '../audit/let-go.ts'
import { parseEntry, type Head } from '../audit/entry.ts'
import { readHead, readLines } from '../audit/journal.ts'
import { auditLimits } from '../audit/limits.ts'
import { Fault, isFault } from '../base/fault.ts'
import type { Config } from '../config/config.ts'
import { findOldCopies, letGoCopies } from '../operations/audit/let-go-copies.ts'
import { isArchiveName } from '../operations/sources/archive-name.ts'
import type { CommandContext } from './context.ts'
import { sendToAll } from './send-trail.ts'
import { counted } from './table.ts'
import { trailFolder } from './trail.ts'

/** Entries from before this time may go; undefined: none ever does. */
export const olderThan = ({ audit: { keep } }: Pick<Config, 'audit'>, nowMs: number): number | undefined =>
  keep === undefined ? undefined : nowMs - keep

/** `places`: those that are expired. Returns the first fault; what one place does not let go of, the others do. */
export async function letGoTrails(
  context: CommandContext,
  places: readonly string[],
  { dryRun }: { readonly dryRun: boolean },
): Promise<Fault | undefined> {
  const { config } = await context.config()
  const olderThanMs = olderThan(config, context.world.clock.now())
  if (olderThanMs === undefined) return undefined
  const jobs = places
    .filter(name => !isArchiveName(name))
    .map(name => ({ name: `repository "${name}"`, run: () => letGoIn(context, name, olderThanMs, dryRun) }))
  jobs.push({ name: 'this host', run: () => letGoHere(context, olderThanMs, dryRun) })
  let failure: Fault | undefined
  for (const { name, run } of jobs) {
    try {
      await run()
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error)) throw error
      context.output.warn(`${name}: old entries of audit trails were not let go: ${error.message}`)
      failure ??= error
    }
  }
  return failure
}

async function letGoIn(
  context: CommandContext,
  name: string,
  olderThanMs: number,
  dryRun: boolean,
): Promise<void> {
  const { signal, output } = context
  const { repository } = await context.openRepository(name)
  for (const old of await findOldCopies(repository, olderThanMs, signal)) {
    const { start, keys } = old
    const what = `${name}: entries of the audit trail ${start.chain} up to ${String(start.n)} (${counted(keys.length, 'object')})`
    if (dryRun) {
      output.note(`${what} would be let go`)
      continue
    }
    await context.enter(letGoAbout, letGoFacts(name, start))
    const done = await letGoCopies(repository, old, signal)
    output.note(done === 'gone' ? `${what} let go` : `${what} stay: they are locked`)
  }
}

async function letGoHere(context: CommandContext, olderThanMs: number, dryRun: boolean): Promise<void> {
  const folder = await trailFolder(context)
  const upTo = dryRun ? undefined : await copiedUpTo(context)
  const old = await findOld(folder, { olderThanMs, upTo })
  if (!old) return
  const { start, entries } = old
  const what = `audit trail of this host: ${counted(entries, 'entry', 'entries')}, up to ${String(start.n)},`
  if (dryRun) {
    context.output.note(`${what} would be let go`)
    return
  }
  const before = await readHead(folder)
  await context.enter(letGoAbout, letGoFacts(here, start))
  if (!(await isEntered(folder, start, before?.n ?? 1)))
    throw new Fault('AUDIT_UNWRITABLE', 'the entry that says so could not be written', {
      hint: 'Mend the audit trail first: see holdfast doctor.',
    })
  await letGo(folder, start, context.world, context.signal)
  context.output.note(`${what} let go`)
}

/** What a repository is still owed stays. */
async function copiedUpTo(context: CommandContext): Promise<number> {
  const done = await sendToAll(context, auditLimits.sendMsMax)
  return Math.min(...done.map(({ sent }) => sent?.last ?? 0))
}

/** Nothing goes before the chain says so. */
async function isEntered(folder: string, { n, hash }: Head, after: number): Promise<boolean> {
  for await (const { line } of readLines(folder, after)) {
    const entry = parseEntry(line)
    const told = entry && letGoBy(entry)
    if (told?.where === here && told.n === n && told.hash === hash) return true
  }
  return false
}
