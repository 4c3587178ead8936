/** `audit verify`. */
import type { ChainProblem } from '../audit/check-chain.ts'
import type { Head } from '../audit/entry.ts'
import { faultCatalogue, isFault, type Fault } from '../base/fault.ts'
import { checkContents, checkTrail, type CopyReport } from '../operations/audit/verify.ts'
import type { CommandContext, OpenRepository } from './context.ts'
import { olderThan } from './let-go-trails.ts'
import { trailCopies } from './send-trail.ts'
import { counted, listingOf } from './table.ts'
import { trailFolder } from './trail.ts'
import { usageFault } from './usage.ts'

export interface VerifyWords {
  readonly repository: string | undefined
  readonly local: boolean
  readonly contents: boolean
  readonly head: string | undefined
}

export async function verifyTrail(context: CommandContext, words: VerifyWords): Promise<number | undefined> {
  if (words.local && (words.repository !== undefined || words.contents))
    throw usageFault('--local goes with neither --repository nor --contents', 'Leave it out.')
  const wanted = words.head === undefined ? undefined : headFrom(words.head)
  const { places, away } = await openCopies(context, words)
  const folder = await trailFolder(context)
  const { config } = await context.config()
  const wishes = { wanted, olderThanMs: olderThan(config, context.world.clock.now()) }
  const trail = await checkTrail(folder, places, wishes, context.signal)
  const problems = [...trail.problems]
  let copiedEntries: number | undefined
  for (const place of words.contents ? places : []) {
    const read = await checkContents(place, await place.identities(), context.signal)
    problems.push(...read.problems)
    copiedEntries = (copiedEntries ?? 0) + read.entries
  }
  const report: Report = {
    folder,
    ...trail,
    head: trail.head ?? null,
    readBack: copiedEntries ?? null,
    isWhole: problems.length === 0,
    problems,
  }
  context.output.result(report, () => verifyText(report))
  return report.isWhole ? away?.exit : faultCatalogue.AUDIT_BROKEN.exit
}

/** One that can not be reached does not keep the others from being looked at, and is told. */
async function openCopies(
  context: CommandContext,
  { repository, local }: VerifyWords,
): Promise<{ readonly places: readonly OpenRepository[]; readonly away: Fault | undefined }> {
  const { config } = await context.config()
  const names = repository === undefined ? trailCopies(config) : [repository]
  const places: OpenRepository[] = []
  let away: Fault | undefined
  for (const name of local ? [] : names) {
    try {
      places.push(await context.openRepository(name))
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error) || error.code === 'USAGE') throw error
      context.output.warn(`repository "${name}" was not looked at: ${error.message}`)
      away ??= error
    }
  }
  return { places, away }
}

interface Report {
  readonly folder: string
  readonly entries: number
  readonly first: number
  readonly head: Head | null
  readonly copies: readonly CopyReport[]
  /** Entries of all hosts, in the copies. */
  readonly readBack: number | null
  readonly isWhole: boolean
  readonly problems: readonly ChainProblem[]
}

function verifyText({ folder, entries, first, head, copies, readBack, problems, isWhole }: Report): string {
  const told = listingOf([
    ['trail', folder],
    ['chain', head?.chain ?? 'none yet'],
    ['entries', counted(entries, 'entry', 'entries')],
    [
      'let go',
      first > 1 ? `${counted(first - 1, 'entry', 'entries')} before these, since they were old` : undefined,
    ],
    ['head', head ? `${String(head.n)}:${head.hash}` : undefined],
    ...copies.map(
      ({ repository, copied, owed }) =>
        [
          `in ${repository}`,
          `${counted(copied, 'entry', 'entries')}${owed > 0 ? `, and ${String(owed)} still to come` : ''}`,
        ] as const,
    ),
    ...copies.flatMap(({ repository, others }) =>
      Object.entries(others).map(
        ([chain, last]) =>
          [`in ${repository}`, `another trail, ${chain}: ${counted(last, 'entry', 'entries')}`] as const,
      ),
    ),
    ['read back', readBack === null ? undefined : counted(readBack, 'entry', 'entries')],
  ])
  const found = problems.map(({ message }) => `problem: ${message}\n`).join('')
  return `${told}${found}${isWhole ? 'nothing is missing, and nothing was changed\n' : ''}`
}

function headFrom(text: string): Pick<Head, 'n' | 'hash'> {
  const [, n, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (n !== undefined && hash !== undefined) return { n: Number(n), hash }
  throw usageFault(
    `"${text}" is no head`,
    'Give the number and the hash as `holdfast audit verify` prints them.',
  )
}
