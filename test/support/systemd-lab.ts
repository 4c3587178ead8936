/**
 * A laboratory whose units run under a real systemd. Everything lies where a host has it, and not in /tmp, where units may
 * write anyway.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { launcher } from './holdfast.ts'
import { serverUser } from './postgres-binaries.ts'
import { makeOwned } from './postgres-server.ts'
import { openLab, type Lab } from './repository-lab.ts'
import { startSystemd, type SystemdHost } from './systemd-host.ts'

export interface SystemdLab extends AsyncDisposable {
  readonly lab: Lab
  readonly host: SystemdHost
  /** Writes the configuration: two repositories, room for drills, and these jobs besides `backup`, `dump` and `drill`. */
  readonly configure: (
    jobs: Readonly<Record<string, unknown>>,
    more?: Readonly<Record<string, unknown>>,
  ) => void
  /** Puts there what `policy systemd` writes, as the docs say. */
  readonly install: (...options: readonly string[]) => Promise<void>
  /** Adds lines to a unit. */
  readonly change: (name: string, lines: readonly string[]) => Promise<void>
  readonly shown: (property: string, name: string) => Promise<string>
  readonly journal: (name: string) => Promise<string>
  /** Runs Holdfast on the host, as the user of the server, with --json. */
  readonly json: <T>(...args: readonly string[]) => Promise<T>
}

export async function openSystemdLab(): Promise<SystemdLab> {
  const lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 1, folder: '/var/lib' })
  try {
    await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n')
    for (const name of ['drills', 'second']) makeOwned(join(lab.server.root, name))
    const host = await startSystemd([lab.server.root])
    const made = labOn(lab, host)
    made.configure({})
    await lab.ok(['init', '--yes'])
    return made
  } catch (error) {
    await lab[Symbol.asyncDispose]()
    throw error
  }
}

function labOn(lab: Lab, host: SystemdHost): SystemdLab {
  const { root } = lab.server
  return {
    lab,
    host,
    configure(jobs, more = {}) {
      const main = lab.config.repositories['main']
      lab.writeConfig('holdfast.yaml', {
        repositories: { main, second: { ...main, url: `file://${join(root, 'second')}`, copy_of: 'main' } },
        drills: { scratch: join(root, 'drills') },
        agent: { spread: '0s' },
        jobs: { backup: 'yearly', dump: 'yearly', drill: 'yearly', ...jobs },
        ...more,
      })
    },
    async install(...options) {
      const folder = join(root, 'units')
      execFileSync('rm', ['-rf', folder])
      await lab.ok(['policy', 'systemd', '--write', folder, ...options])
      const files = readdirSync(folder).map(name => join(folder, name))
      await host.ok('cp', [...files, '/etc/systemd/system'])
      await host.ok('systemctl', ['daemon-reload'])
    },
    async change(name, lines) {
      const script = 'mkdir -p "$1" && printf "%s\\n" "$2" >"$1/quick.conf" && systemctl daemon-reload'
      await host.ok('sh', ['-c', script, 'change', `/run/systemd/system/${name}.d`, lines.join('\n')])
    },
    shown: async (property, name) =>
      (await host.ok('systemctl', ['show', '--value', '--property', property, name])).trim(),
    journal: name => host.ok('journalctl', ['--unit', name, '--output', 'cat', '--no-pager']),
    async json<T>(...args: readonly string[]) {
      const { uid, gid } = serverUser()
      const user = [`--reuid=${String(uid)}`, `--regid=${String(gid)}`, '--clear-groups']
      const command = [launcher(), '--config', lab.configPath, ...args, '--json']
      return JSON.parse(await host.ok('setpriv', [...user, ...command])) as T
    },
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]()
      await lab[Symbol.asyncDispose]()
    },
  }
}
