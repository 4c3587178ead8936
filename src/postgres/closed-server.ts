/**
 * A data directory that lets nobody in: a line in `postgresql.auto.conf` names a pg_hba.conf that rejects everybody, whoever
 * starts the server and however. What is given on the server's command line wins over it, so we get in by a private socket.
 *
 * Pure text in, pure text out, but for `openToAll`, which takes it away again.
 */
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import { replaceDurably } from '../base/replace-durably.ts'
import { formatSetting } from './config-file.ts'

export const closedHbaName = 'holdfast_closed_hba.conf'

export function closedHba(): string {
  return `# Written by holdfast restore: requests to forget a person have to be applied here before anybody may connect.
# Do not take this away by hand. Stop this server if it runs, and let Holdfast apply them and open it:
#   holdfast erase apply --target-dir DIR
local all all reject
host all all all reject
local replication all reject
host replication all all reject
`
}

/** The path has to be absolute: the server takes others from where it was started. */
export const closedLine = (directory: string): string =>
  formatSetting('hba_file', join(directory, closedHbaName))

/** Without the line, also when ALTER SYSTEM has written the file anew, or the directory was moved. */
export function withoutClosedLine(autoConf: string): string {
  return autoConf.replaceAll(new RegExp(`^hba_file\\s*=\\s*'.*/${closedHbaName}'\\s*\\n`, 'gm'), '')
}

export const isClosedBy = (autoConf: string): boolean => withoutClosedLine(autoConf) !== autoConf

const autoConfName = 'postgresql.auto.conf'

export async function isClosed(directory: string): Promise<boolean> {
  return isClosedBy(await readAutoConf(directory))
}

/** The server must not run. It is as its configuration says when it is started again. */
export async function openToAll(directory: string): Promise<void> {
  const path = join(directory, autoConfName)
  const text = await readAutoConf(directory)
  try {
    if (isClosedBy(text)) await replaceFile(path, withoutClosedLine(text))
    await rm(join(directory, closedHbaName), { force: true })
  } catch (error) {
    throw unfit(path, error)
  }
}

async function readAutoConf(directory: string): Promise<string> {
  const path = join(directory, autoConfName)
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return ''
    throw unfit(path, error)
  })
}

/** Whole or not at all, with the owner and mode that it had. */
async function replaceFile(path: string, text: string): Promise<void> {
  const { mode, uid, gid } = await stat(path)
  const owner = process.getuid?.() === 0 ? { userId: uid, groupId: gid } : undefined
  await replaceDurably(path, text, { mode: mode & 0o777, owner })
}

const unfit = (path: string, cause: unknown): Fault =>
  new Fault('DATA_DIRECTORY', `${path} can not be read or written: ${messageOf(cause)}`, {
    hint: 'Run as the owner of the data directory, or as root.',
    cause,
  })
