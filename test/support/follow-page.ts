/** Carries a page of the documentation out to the letter: all its commands, in one shell, as the user of the server. */
import { spawn } from 'node:child_process'
import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { commandsOf, type Part } from './document.ts'
import { launcher } from './holdfast.ts'
import { serverUser } from './postgres-binaries.ts'
import { makeOwned } from './postgres-server.ts'
import type { Lab } from './repository-lab.ts'

export interface Followed {
  readonly status: number | null
  /** Of both channels. */
  readonly output: string
}

const pageMsMax = 150_000

/** `settings`: what a reader puts in for the lines `NAME=…` of the page. The shell ends at the first command that fails. */
export async function followPage(
  { server, configPath }: Pick<Lab, 'server' | 'configPath'>,
  page: string,
  settings: Readonly<Record<string, string>>,
  part: Part = {},
): Promise<Followed> {
  const { uid, gid } = serverUser()
  const tools = join(server.root, 'tools')
  makeOwned(tools)
  rmSync(join(tools, 'holdfast'), { force: true })
  symlinkSync(launcher(), join(tools, 'holdfast'))
  const child = spawn('/bin/sh', ['-s'], {
    uid,
    gid,
    cwd: server.root,
    detached: true,
    env: {
      PATH: `${tools}:/usr/bin:/bin`,
      HOME: server.root,
      HOLDFAST_CONFIG: configPath,
      PGHOST: server.socketDirectory,
      PGPORT: String(server.port),
      PGUSER: 'postgres',
    },
  })
  child.stdin.end(`set -e\nexec 2>&1\n${commandsOf(page, settings, part)}`)
  // What hangs is ended, so that the test can tell what was said until then.
  const limit = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), pageMsMax)
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const [output, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  clearTimeout(limit)
  return { status, output: output + errors }
}
