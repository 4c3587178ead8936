/**
 * A host with a real systemd, for tests of units: the one of this machine, started once more as process 1 of namespaces of its own.
 *
 * It sees the file system of this machine, and what is written goes to memory and is gone with it; only the folders that are
 * named are shared. Of the machine's own units it has none but the journal's, and no network of its own.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findSystemProgram } from './loop-file-systems.ts'
import { until } from './until.ts'

const systemd = '/lib/systemd/systemd'

/** $1: a folder for it alone; the rest: folders that are shared. */
const boot = `set -e
place=$1; shift
fail() { echo "$1" >&2; exit 77; }
mount -t tmpfs tmpfs "$place" || fail 'no tmpfs can be mounted'
mkdir "$place/upper" "$place/work" "$place/root" "$place/groups"
mount -t cgroup2 none "$place/groups" || fail 'cgroup2 can not be mounted'
mkdir "$place/groups/\${place##*/}"
echo $$ >"$place/groups/\${place##*/}/cgroup.procs"
exec unshare --cgroup sh -c '
set -e
place=$1; shift
fail() { echo "$1" >&2; exit 77; }
root=$place/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" "$root" || fail "no overlay can be mounted"
for shared; do mkdir -p "$root$shared"; mount --bind "$shared" "$root$shared"; done
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
umount "$place/groups"
mount -t cgroup2 none "$root/sys/fs/cgroup" || fail "cgroup2 can not be mounted twice"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  mknod -m 666 "$root/dev/$node" c $((0x$(stat -c %t /dev/$node))) $((0x$(stat -c %T /dev/$node)))
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir "$root/dev/mqueue"
mkdir -m 1777 "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
cd "$root"
rm -rf etc/systemd/system etc/fstab usr/lib/systemd/system/*.wants usr/lib/systemd/system-generators lib/systemd/system/*.wants lib/systemd/system-generators
# The journal would have the kernel of this machine tell it what goes on.
rm -f usr/lib/systemd/system/systemd-journald-audit.socket lib/systemd/system/systemd-journald-audit.socket
mkdir -p etc/systemd/journald.conf.d
printf "[Journal]\\nAudit=no\\nReadKMsg=no\\nStorage=volatile\\n" >etc/systemd/journald.conf.d/quiet.conf
mkdir -p etc/systemd/system usr/lib/systemd/system/sysinit.target.wants
ln -s ../systemd-journald.service usr/lib/systemd/system/sysinit.target.wants/
: >etc/fstab
mkdir old
pivot_root . old
exec env -i container=holdfast PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "
umount -l /old
exec ${systemd} --system --unit=multi-user.target --log-target=journal --show-status=no"
' boot "$place" "$@"`

/** Why it can not be had here; undefined when it can. Found out by starting one. */
export async function systemdMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root can start a systemd of its own'
  if (!existsSync(systemd)) return `${systemd} is not installed`
  const program = ['unshare', 'nsenter', 'setpriv', 'systemctl', 'journalctl'].map(findSystemProgram)
  const missing = program.find(found => found !== undefined)
  if (missing !== undefined) return missing
  try {
    await using _host = await startSystemd([])
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export interface SystemdHost extends AsyncDisposable {
  /** Runs a program in it to its end; fails unless that is 0. */
  ok(program: string, args: readonly string[]): Promise<string>
  /** The same, and tells how it ended. */
  run(program: string, args: readonly string[]): Promise<{ status: number | null; out: string; err: string }>
}

export async function startSystemd(shared: readonly string[]): Promise<SystemdHost> {
  const place = mkdtempSync(join(tmpdir(), 'hf-systemd-'))
  const host = new Host(place, shared)
  try {
    await host.booted()
    return host
  } catch (error) {
    await host[Symbol.asyncDispose]()
    throw error
  }
}

class Host implements SystemdHost {
  readonly #place: string
  readonly #outer: ChildProcess
  #said = ''

  constructor(place: string, shared: readonly string[]) {
    this.#place = place
    // Both end with this process, however it ends: so does all that they started.
    const args = [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--mount',
      '--uts',
      '--ipc',
      '--pid',
      '--fork',
      '--kill-child',
    ]
    this.#outer = spawn('setpriv', [...args, 'sh', '-c', boot, 'boot', place, ...shared], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#outer.stderr?.on('data', (piece: Buffer) => (this.#said += piece.toString()))
  }

  async booted(): Promise<void> {
    const state = async (): Promise<string> => (await this.run('systemctl', ['is-system-running'])).out.trim()
    await until('systemd runs', async () => {
      if (this.#isOver()) throw new Error(`systemd does not start here: ${this.#said.trim()}`)
      return this.#first() !== undefined && ['running', 'degraded'].includes(await state())
    })
  }

  #isOver(): boolean {
    return this.#outer.exitCode !== null || this.#outer.signalCode !== null
  }

  /** Process 1, as it is numbered outside. */
  #first(): string | undefined {
    const pid = String(this.#outer.pid)
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    if (child === undefined || child === '') return undefined
    return readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'systemd' ? child : undefined
  }

  async run(
    program: string,
    args: readonly string[],
  ): Promise<{ status: number | null; out: string; err: string }> {
    const first = this.#first()
    if (first === undefined) throw new Error(`systemd is gone: ${this.#said.trim()}`)
    const spaces = ['--target', first, '--mount', '--uts', '--ipc', '--pid', '--cgroup']
    const child = spawn('nsenter', [...spaces, '--', program, ...args], {
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (piece: Buffer) => (out += piece.toString()))
    child.stderr.on('data', (piece: Buffer) => (err += piece.toString()))
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { status, out, err }
  }

  async ok(program: string, args: readonly string[]): Promise<string> {
    const { status, out, err } = await this.run(program, args)
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${String(status)}\n${out}${err}`)
    return out
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise(resolve => this.#outer.once('exit', resolve))
    if (!this.#isOver()) {
      this.#outer.kill('SIGKILL')
      await ended
    }
    await until('its control groups are gone', () => removeGroups(this.#place))
    rmSync(this.#place, { recursive: true, force: true })
  }
}

/** What is left of them is empty folders, which only a mount shows. */
function removeGroups(place: string): boolean {
  const remove = `mount -t cgroup2 none "$1" && cd "$1" && { [ ! -d "\${1##*/}" ] || find "\${1##*/}" -depth -type d -exec rmdir {} +; }`
  return (
    spawnSync('unshare', ['--mount', 'sh', '-c', remove, 'remove', place], { stdio: 'ignore' }).status === 0
  )
}
