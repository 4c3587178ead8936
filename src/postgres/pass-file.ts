/**
 * Passwords from libpq's password file: `host:port:database:user:password`, one to a line, `*` for any.
 *
 * See the PostgreSQL manual, "The Password File".
 */
import { readFile, stat } from 'node:fs/promises'
import { Secret } from '../base/secret.ts'

export interface PasswordQuery {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

export interface PasswordFound {
  readonly password: Secret | undefined
  /** Why the file was passed over though it is there. */
  readonly ignored?: string | undefined
}

/** As libpq does, passes over a file that others may read, but says so. */
export async function readPassFile(path: string, query: PasswordQuery): Promise<PasswordFound> {
  try {
    const info = await stat(path)
    if (!info.isFile()) return { password: undefined, ignored: `${path} is not a plain file` }
    if ((info.mode & 0o077) !== 0)
      return { password: undefined, ignored: `${path} can be read by others (chmod 600 it)` }
    return { password: findPassword(await readFile(path, 'utf8'), query) }
  } catch {
    return { password: undefined }
  }
}

export function findPassword(text: string, query: PasswordQuery): Secret | undefined {
  const wanted = [hostsOf(query.host), [String(query.port)], [query.database], [query.user]]
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue
    const fields = splitFields(line)
    if (fields.length < 5) continue
    const fits = wanted.every(
      (values, index) => fields[index] === '*' || values.includes(fields[index] ?? ''),
    )
    if (fits) return new Secret(fields.slice(4).join(':'))
  }
  return undefined
}

/** `localhost` also stands for the usual folders of sockets. */
function hostsOf(host: string): string[] {
  return ['/run/postgresql', '/var/run/postgresql', '/tmp'].includes(host) ? [host, 'localhost'] : [host]
}

/** Cuts at colons; `\:` and `\\` stand for the characters themselves. */
function splitFields(line: string): string[] {
  const fields = ['']
  for (const [part] of line.matchAll(/\\.|:|[^\\:]+|\\$/gs)) {
    if (part === ':') fields.push('')
    else fields.push((fields.pop() ?? '') + (part.startsWith('\\') && part.length > 1 ? part.slice(1) : part))
  }
  return fields
}
