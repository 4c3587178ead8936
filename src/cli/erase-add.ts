/** `erase add`: checks a request to forget a person, and stores it in every repository that backups are written to. */
import { resolve } from 'node:path'
import { Fault, faultCatalogue, isFault } from '../base/fault.ts'
import { toolName } from '../base/version.ts'
import { describeCounts } from '../operations/erase/apply-erasures.ts'
import { whoami } from '../operations/erase/keep-record.ts'
import { readSql } from '../operations/erase/read-sql.ts'
import { rowsOf } from '../operations/erase/run-request.ts'
import { tryRequest, type TriedRequest } from '../operations/erase/try-request.ts'
import { connectTo } from '../postgres/connection.ts'
import type { ErasureRecord } from '../repository/format/erasure-record.ts'
import { erasureIdOf } from '../repository/layout.ts'
import { putErasure } from '../repository/erasures.ts'
import { listed } from '../operations/sources/trouble.ts'
import type { CommandContext } from './context.ts'
import { lockAfterAll } from './lock-after.ts'
import { counted, listingOf } from './table.ts'
import { usageFault } from './usage.ts'
import { writeEverywhere } from './write-everywhere.ts'

export interface AddWords {
  readonly subject: string | undefined
  readonly sql: string | undefined
  readonly database: string | undefined
  readonly check: boolean
  readonly unchecked: boolean
  readonly apply: boolean
}

export async function runEraseAdd(context: CommandContext, words: AddWords): Promise<number | undefined> {
  const { world, output, log, terminal } = context
  const { config } = await context.config()
  const { subject, sql } = given(words)
  const statements = await readSql(resolve(terminal.workingDirectory, sql))
  const { database, tried } = await tryOnServer(context, words, statements)
  const nowMs = world.clock.now()
  const id = erasureIdOf(nowMs, world.randomBytes(4))
  const record: ErasureRecord = {
    format: 1,
    cluster: config.cluster,
    id,
    requestedAt: tried?.requestedAt ?? new Date(nowMs).toISOString(),
    lsn: tried?.lsn ?? null,
    timeline: tried?.timeline ?? null,
    settled: tried?.settled ?? false,
    database,
    databaseOid: tried?.databaseOid ?? null,
    statements: statements.length,
    by: whoami(),
    tool: toolName,
  }
  const secret = { format: 1, id, subject, statements } as const
  const { written, failed } = await writeEverywhere(context, ({ repository, encoding }) =>
    putErasure(repository, encoding, { record, secret }, context.signal),
  )
  log.info('erasure.added', { id, statements: statements.length, settled: record.settled })
  const unlocked = await lockAfterAll(context, written)
  const tells = { record, tried, isApplied: words.apply, written, failed: failed.map(({ name }) => name) }
  output.result(
    { ...record, rows: tried?.statements ?? null, repositories: written, notWritten: tells.failed },
    () => addedListing(tells),
  )
  return failed.length > 0 ? faultCatalogue.REPOSITORY_BEHIND.exit : unlocked?.exit
}

function given({ subject, sql, check, unchecked, apply }: AddWords): { subject: string; sql: string } {
  if (subject === undefined)
    throw usageFault(
      'who is to be forgotten?',
      'Say it with --subject, best by a number that only you can resolve: --subject "request 4711".',
    )
  if (sql === undefined)
    throw usageFault('erase add needs --sql', 'Name a file with the statements: --sql forget.sql.')
  if (unchecked && (check || apply))
    throw usageFault('--unchecked goes with neither --check nor --apply', 'Leave one of them out.')
  return { subject, sql }
}

interface Tried {
  readonly database: string
  readonly tried: TriedRequest | undefined
}

/** Where the server is out of reach, the request is stored unchecked, unless the check was asked for. */
async function tryOnServer(
  context: CommandContext,
  { database: named, check, unchecked, apply }: AddWords,
  statements: readonly string[],
): Promise<Tried> {
  const { signal, output, terminal, progress } = context
  if (unchecked) return { database: named ?? mustName(), tried: undefined }
  progress.phase(apply ? 'forgetting on the live server' : 'trying it on the live server')
  try {
    const target = await context.connectionTarget()
    const database = named ?? target.database ?? target.user ?? mustName()
    await using server = await connectTo(
      { ...target, database },
      { environment: terminal.environment, applicationName: 'holdfast erase' },
      signal,
    )
    const tried = await tryRequest(server, statements, { isApplied: apply }, signal)
    if (tried.statements === undefined) output.warn('the server is a standby, so nothing was tried there')
    return { database, tried }
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error, 'POSTGRES_UNREACHABLE') || check || apply) throw error
    if (named === undefined) throw error
    output.warn(`the server can not be reached, so the request is stored unchecked: ${error.message}`)
    return { database: named, tried: undefined }
  }
}

function mustName(): never {
  throw new Fault('USAGE', 'in which database?', {
    hint: 'Name it with --database: without the server nobody can tell.',
  })
}

interface Added {
  readonly record: ErasureRecord
  readonly tried: TriedRequest | undefined
  readonly isApplied: boolean
  readonly written: readonly string[]
  readonly failed: readonly string[]
}

function addedListing({ record, tried, isApplied, written, failed }: Added): string {
  return listingOf([
    ['request', record.id],
    ['database', record.database],
    ['live server', liveText(tried, isApplied)],
    [
      'restores',
      record.settled
        ? `to a point before ${record.lsn ?? record.requestedAt} apply it before anybody can connect`
        : 'apply it, to whatever point, before anybody can connect',
    ],
    ['stored in', listed(written)],
    ['not in', failed.length > 0 ? `${listed(failed)}: holdfast copy brings it there` : undefined],
  ])
}

function liveText(tried: TriedRequest | undefined, isApplied: boolean): string {
  if (tried?.statements === undefined) return 'was not asked'
  const counts = describeCounts(tried.statements)
  if (isApplied) return `done: ${counts}`
  const rows = rowsOf(tried.statements)
  if (tried.settled) return 'tried and rolled back: it finds nothing there (any more)'
  return `tried and rolled back: ${counts}; ${rows > 0 ? `${counted(rows, 'row')} would go: they are still there` : 'what it would do is not counted'}`
}
