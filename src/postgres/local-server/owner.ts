/**
 * PostgreSQL refuses to run as root, and insists that its data directory belongs to the user that runs it. So root
 * starts it as that user, with that user's groups (the key of a TLS certificate is often readable by group only).
 */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { Fault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'

const run = promisify(execFile)

export interface Owner {
  readonly userId: number
  readonly groupId: number
}

/** How to run a program as an owner: put `command` before it, or spawn it with `options`. */
export interface RunAs {
  readonly command: readonly string[]
  readonly options: { readonly uid?: number; readonly gid?: number }
}

export async function ownerOf(directory: string): Promise<Owner> {
  try {
    const { uid, gid } = await stat(directory)
    return { userId: uid, groupId: gid }
  } catch (error) {
    throw new Fault('SERVER_START', `${directory} can not be read: ${messageOf(error)}`, {
      hint: 'Name the data directory of a restored cluster.',
      cause: error,
    })
  }
}

export async function runAs({ userId, groupId }: Owner, directory: string): Promise<RunAs> {
  const own = process.getuid?.()
  if (userId === 0) {
    throw new Fault('SERVER_START', `${directory} belongs to root, and PostgreSQL refuses to run as root`, {
      hint: `Give the directory to the user that is to run the server: chown -R postgres: ${directory}`,
    })
  }
  if (own === userId) return { command: [], options: {} }
  if (own !== 0) {
    throw new Fault(
      'SERVER_START',
      `${directory} belongs to the user ${String(userId)}, and this process runs as ${String(own)}`,
      {
        hint: 'Run as the owner of the directory, or as root.',
      },
    )
  }
  if ((await succeeds('setpriv', ['--version'])) && (await succeeds('id', ['-un', String(userId)]))) {
    return {
      command: ['setpriv', `--reuid=${String(userId)}`, `--regid=${String(groupId)}`, '--init-groups', '--'],
      options: {},
    }
  }
  return { command: [], options: { uid: userId, gid: groupId } }
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return run(program, args, { timeout: limits.toolMsMax }).then(
    () => true,
    () => false,
  )
}
