/** Who runs this process, as far as the operating system can tell. */
import { hostname, userInfo } from 'node:os'
import type { Who } from './entry.ts'

/** How whoever starts this program tells what for: `agent:nightly`, `timer:backup`, `cron:backup`. */
export const startedByVariable = 'HOLDFAST_STARTED_BY'

export function whoRuns(
  environment: Readonly<Record<string, string | undefined>>,
  { terminal, verb }: { readonly terminal: boolean; readonly verb: string },
): Who {
  const { uid, username } = ownUser()
  const { SUDO_USER: sudoUser } = environment
  const [by = '', job = ''] = (environment[startedByVariable] ?? '').split(':', 2)
  const unsaid = verb === 'wal push' || verb === 'wal get' ? 'postgres' : 'hand'
  return {
    user: username,
    uid,
    ...(sudoUser ? { sudoUser: sudoUser.slice(0, textCharsMax) } : {}),
    host: hostname(),
    pid: process.pid,
    by: by === '' ? unsaid : by.slice(0, textCharsMax),
    ...(job === '' ? {} : { job: job.slice(0, textCharsMax) }),
    terminal,
  }
}

const textCharsMax = 64

/** A user without an entry in the system's list has a number all the same. */
function ownUser(): { readonly uid: number; readonly username: string } {
  try {
    return userInfo()
  } catch {
    const uid = process.getuid?.() ?? -1
    return { uid, username: String(uid) }
  }
}
