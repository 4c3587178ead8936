/** A server that is started by a command of its reader, not by the test: as on a real host, but where the test's server was. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { serverUser } from './postgres-binaries.ts'
import type { TestServer } from './postgres-server.ts'

export interface ServerByHand extends Disposable {
  /** Words for a shell, without single quotes. */
  readonly start: string
  readonly stop: string
}

/** Stopped at the end, if it was started. */
export function serverByHand({
  binDirectory,
  dataDirectory,
  root,
  socketDirectory,
  port,
}: TestServer): ServerByHand {
  const control = join(binDirectory, 'pg_ctl')
  const options = `-k ${socketDirectory} -p ${String(port)} -c listen_addresses=`
  return {
    start: `${control} -D ${dataDirectory} -o "${options}" -l ${root}/by-hand.log -w -t 120 start`,
    stop: `${control} -D ${dataDirectory} -m immediate -w stop`,
    [Symbol.dispose]() {
      if (!existsSync(join(dataDirectory, 'postmaster.pid'))) return
      const { uid, gid } = serverUser()
      spawnSync(control, ['-D', dataDirectory, '-m', 'immediate', '-w', 'stop'], { uid, gid, cwd: '/' })
    },
  }
}
