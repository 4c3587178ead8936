/** Turns system errors into faults that name the path and say what to do. */
import type { StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault, errnoOf, messageOf, type FaultCode } from '../../../base/fault.ts'

/** Runs `work`, and throws the fault for whatever system error it throws. */
export async function guarded<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw await faultOf(error, action, path)
  }
}

export async function faultOf(error: unknown, action: string, path: string): Promise<unknown> {
  const errno = errnoOf(error)
  if (error instanceof Fault || errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) return error
  const { code, says, hint } = (await explainFull(errno, path)) ?? explanations[errno] ?? unknownTrouble
  const message = `could not ${action} ${path}: ${says ?? messageOf(error)} (${errno})`
  return new Fault(code, message, { hint: hint.replaceAll('%path', path), cause: error })
}

interface Explanation {
  readonly code: FaultCode
  readonly says?: string
  readonly hint: string
}

const denied: Explanation = {
  code: 'STORAGE_DENIED',
  says: 'the system refuses access',
  hint: 'Give the user that Holdfast runs as (the one that PostgreSQL runs as, too) read and write rights on the folder of %path.',
}
const tooManyFiles: Explanation = {
  code: 'STORAGE_UNAVAILABLE',
  says: 'too many files are open',
  hint: 'Raise the limit on open files (ulimit -n, or LimitNOFILE= in the systemd unit).',
}
const impossibleName: Explanation = {
  code: 'FAILED',
  hint: 'Look at what lies at %path: something there is in the way of the repository (a file where a folder should be, or a loop of links).',
}
const unknownTrouble: Explanation = {
  code: 'STORAGE_UNAVAILABLE',
  hint: 'Check the disk or mount that holds %path (dmesg or journalctl -k shows its errors), and try again.',
}

const explanations: Readonly<Record<string, Explanation>> = {
  EACCES: denied,
  EPERM: denied,
  EROFS: {
    code: 'STORAGE_DENIED',
    says: 'the file system is read-only',
    hint: 'Mount the file system of %path for writing. The kernel may have made it read-only after a disk error: look at dmesg.',
  },
  EDQUOT: {
    code: 'STORAGE_FULL',
    says: 'the disk quota is used up',
    hint: 'Raise the quota for %path.',
  },
  EFBIG: {
    code: 'STORAGE_FULL',
    says: 'the file would grow over a limit',
    hint: 'Raise the limit on file sizes (ulimit -f), or keep %path on a file system that takes files of several GiB.',
  },
  EXDEV: {
    code: 'FAILED',
    says: 'the repository spans file systems',
    hint: 'Keep the whole repository in one file system; %path lies in another one than the top of the repository.',
  },
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  ENOTDIR: impossibleName,
  EISDIR: impossibleName,
  ELOOP: impossibleName,
  ENAMETOOLONG: impossibleName,
}

/** ENOSPC is said of bytes and of inodes, and people look at the wrong one. */
async function explainFull(errno: string, path: string): Promise<Explanation | undefined> {
  if (errno !== 'ENOSPC') return undefined
  const free = await freeAround(dirname(path))
  if (free?.ffree === 0 && free.files > 0 && free.bavail > 0) {
    return {
      code: 'STORAGE_FULL',
      says: 'the file system has no inodes left',
      hint: 'Remove small files from the file system of %path (df -i shows it), or make one with more inodes.',
    }
  }
  return {
    code: 'STORAGE_FULL',
    says: 'no space is left',
    hint: 'Free space on the file system of %path, or make it larger. Delete nothing in the repository by hand.',
  }
}

/** The folder may not exist yet: then the nearest one above it tells. */
async function freeAround(folder: string): Promise<StatsFs | undefined> {
  const free = await statfs(folder).catch(() => undefined)
  return free || folder === dirname(folder) ? free : freeAround(dirname(folder))
}
