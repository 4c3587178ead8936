/**
 * Throw-away EC2 and RDS: moto's server, which `scripts/setup.sh --tests` unpacks from a newer Debian together with the Python
 * and the libraries that it wants. It ends with `stop()`, or when the process that started it is gone: its pipe closes then.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './node-server.ts'

const root = fileURLToPath(new URL('../servers/node_modules/.moto', import.meta.url))

export interface MotoServer {
  readonly endpoint: string
  stop(): Promise<void>
}

/** Why there is none; undefined: there is one. */
export function motoMissing(): string | undefined {
  if (!existsSync(join(root, 'usr/bin/moto_server')))
    return 'moto is not installed: run scripts/setup.sh --tests'
  return loader() === undefined ? 'the loader of the unpacked Python is missing' : undefined
}

const loader = (): string | undefined => globSync('usr/lib*/ld-linux-*.so.*', { cwd: root })[0]
const libraries = (): string | undefined => globSync('usr/lib/*-linux-gnu', { cwd: root })[0]

/** Ends with the pipe, and after twenty minutes in any case. */
const program = `
import os, sys, threading
def wait():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=wait, daemon=True).start()
timer = threading.Timer(1200, os._exit, [0])
timer.daemon = True
timer.start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', sys.argv[1]])
`

export async function startMoto(): Promise<MotoServer> {
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${String(port)}`
  const words = ['--library-path', join(root, libraries() ?? ''), join(root, 'usr/bin/python3')]
  const child = spawn(join(root, loader() ?? ''), [...words, '-c', program, String(port)], {
    stdio: ['pipe', 'ignore', 'pipe'],
    cwd: tmpdir(),
    env: {
      PATH: process.env['PATH'],
      PYTHONHOME: join(root, 'usr'),
      PYTHONNOUSERSITE: '1',
      LC_ALL: 'C.UTF-8',
    },
  })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => (said = (said + piece.toString()).slice(-4000)))
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  for (let waitedMs = 0; ; waitedMs += 50) {
    const answer = await fetch(`${endpoint}/moto-api/`).catch(() => undefined)
    if (answer) return { endpoint, stop }
    if (child.exitCode !== null || waitedMs > 90_000) {
      await stop()
      throw new Error(`moto does not answer:\n${said}`)
    }
    await delay(50)
  }
}
