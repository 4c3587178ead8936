/** `audit list` and `audit verify`. */
import { ChainCheck, type ChainProblem } from '../audit/check-chain.ts'
import { parseEntry, type Head } from '../audit/entry.ts'
import { readLines } from '../audit/journal.ts'
import { TrailRows, type TrailRow } from '../audit/trail-rows.ts'
import { faultCatalogue } from '../base/fault.ts'
import type { Micros } from '../wal/time.ts'
import type { CommandContext } from './context.ts'
import { trailTable } from './describe-audit.ts'
import { counted, listingOf } from './table.ts'
import { trailFolder } from './trail.ts'
import { usageFault } from './usage.ts'

export interface ListWords {
  readonly since: Micros | undefined
  readonly until: Micros | undefined
  readonly verb: string | undefined
  readonly user: string | undefined
  readonly result: Exclude<TrailRow['state'], 'note'> | undefined
  readonly repository: string | undefined
  readonly last: number | undefined
  readonly keys: boolean
}

export async function listTrail(context: CommandContext, words: ListWords): Promise<void> {
  const { since, until, result, last, ...rest } = words
  const trail = new TrailRows({
    ...rest,
    state: result,
    sinceMs: since === undefined ? undefined : since / 1000,
    untilMs: until === undefined ? undefined : until / 1000,
  })
  for await (const { line } of readLines(await trailFolder(context))) {
    const entry = parseEntry(line)
    if (entry) trail.take(entry)
  }
  const rows = trail.end()
  const shown = last === undefined ? rows : rows.slice(-last)
  context.output.result(shown, () => trailTable(shown))
}

export async function verifyTrail(
  context: CommandContext,
  { head }: { readonly head: string | undefined },
): Promise<number | undefined> {
  const wanted = head === undefined ? undefined : headFrom(head)
  const folder = await trailFolder(context)
  const check = new ChainCheck()
  const problems: ChainProblem[] = []
  let isThere = false
  for await (const { line, place } of readLines(folder)) {
    const entry = check.take(line, place)
    if (entry?.n === wanted?.n && entry?.hash === wanted?.hash) isThere = true
  }
  problems.push(...check.problems)
  if (wanted && !isThere)
    problems.push({
      chain: check.last?.chain,
      n: wanted.n,
      message: `there is no entry ${String(wanted.n)} with the hash ${wanted.hash}: it was removed or replaced`,
    })
  const report = {
    folder,
    entries: check.count,
    head: check.last ?? null,
    isWhole: problems.length === 0,
    problems,
  }
  context.output.result(report, () => verifyText(report))
  return report.isWhole ? undefined : faultCatalogue.AUDIT_BROKEN.exit
}

interface VerifyReport {
  readonly folder: string
  readonly entries: number
  readonly head: Head | null
  readonly problems: readonly ChainProblem[]
}

function verifyText({ folder, entries, head, problems }: VerifyReport): string {
  const told = listingOf([
    ['trail', folder],
    ['chain', head?.chain ?? 'none yet'],
    ['entries', counted(entries, 'entry', 'entries')],
    ['head', head ? `${String(head.n)}:${head.hash}` : undefined],
  ])
  const found = problems.map(({ message }) => `problem: ${message}\n`).join('')
  return `${told}${found}${problems.length === 0 ? 'nothing is missing, and nothing was changed\n' : ''}`
}

function headFrom(text: string): Pick<Head, 'n' | 'hash'> {
  const [, n, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (n !== undefined && hash !== undefined) return { n: Number(n), hash }
  throw usageFault(
    `"${text}" is no head`,
    'Give the number and the hash as `holdfast audit verify` prints them.',
  )
}
