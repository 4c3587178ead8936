/**
 * The last words of a failing archive_command. PostgreSQL tells only in its log why a command failed, so the log is
 * looked at, where it can be found: on the server's own host.
 */
import { open, readlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { minute } from '../base/units.ts'
import { limits } from '../base/limits.ts'
import type { Server, SqlRow } from './connection.ts'
import { readPostmasterFile } from './data-directory-lock.ts'

/** Undefined when the log is elsewhere, can not be read, or says nothing. Never fails because of that. */
export async function readArchiverError(
  server: Server,
  dataDirectory: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (dataDirectory === undefined) return undefined
  const [row] = await server.query<WhereRow>(whereSql, [], signal)
  try {
    const file = await readPostmasterFile(dataDirectory)
    // Another server may have a data directory of the same name on this host.
    if (!file || !row || Math.abs(file.startedMs - row.started_ms) > minute) return undefined
    const log =
      row.logfile === null
        ? await readlink(`/proc/${String(file.pid)}/fd/2`)
        : resolve(dataDirectory, row.logfile)
    return lastArchiverError(await readEnd(log))
  } catch {
    return undefined
  }
}

/** What the command wrote before it failed, and how it failed. `text` is a part of a server's log. */
export function lastArchiverError(text: string): string | undefined {
  const lines = text.split('\n')
  const at = lines.findLastIndex(line => failure.test(line))
  if (at < 0) return undefined
  const how = failure.exec(lines[at] ?? '')?.[1] ?? ''
  const words: string[] = []
  for (let i = at - 1; i >= 0 && words.length < wordLinesMax; i--) {
    const line = lines[i] ?? ''
    if (serverLine.test(line)) break
    if (line.trim() !== '') words.unshift(line.trim())
  }
  return [...words, how].join('; ').slice(0, 1000)
}

const failure = /(?:LOG|WARNING|FATAL): {2}(archive command (?:failed|was terminated).*)$/
const serverLine = /\b(?:LOG|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|NOTICE|DEBUG\d): {2}/
const wordLinesMax = 4

async function readEnd(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const start = Math.max(0, size - limits.serverLogBytesMax)
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(Math.min(size, limits.serverLogBytesMax)),
      0,
      undefined,
      start,
    )
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

interface WhereRow extends SqlRow {
  readonly logfile: string | null
  readonly started_ms: number
}

const whereSql = `
  SELECT CASE WHEN has_function_privilege('pg_current_logfile()', 'EXECUTE') THEN pg_current_logfile() END AS logfile,
         extract(epoch FROM pg_postmaster_start_time())::float8 * 1000 AS started_ms`
