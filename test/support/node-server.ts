/**
 * Servers of test/servers that run on Node: each in a process of its own that ends with `stop()`, or when the process
 * that started it is gone (its pipe closes then), and after twenty minutes in any case.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface NodeServer {
  readonly port: number
  stop(): Promise<void>
}

const startMsMax = 60_000

const servers = fileURLToPath(new URL('../servers/', import.meta.url))

const preludeFor = (folder: string): string => `
  process.stdin.on('data', () => undefined).on('end', () => {
    process.getBuiltinModule('node:fs').rmSync(${JSON.stringify(folder)}, { recursive: true, force: true })
    process.exit()
  })
  setTimeout(() => process.exit(), 20 * 60_000).unref()
  const require = process.getBuiltinModule('node:module').createRequire(${JSON.stringify(join(servers, 'package.json'))})
`

/** Runs the code, which may `require` what lies in test/servers and has to print that it is listening once it does. */
export async function startNodeServer(
  name: string,
  codeFor: (port: number, folder: string) => string,
): Promise<NodeServer> {
  if (!existsSync(join(servers, 'node_modules')))
    throw new Error('the test servers are not installed: run npm ci in test/servers')
  const folder = mkdtempSync(join(tmpdir(), `hf-${name}-`))
  const port = await freePort()
  const child = spawn(process.execPath, ['-e', preludeFor(folder) + codeFor(port, folder)], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder, NODE_NO_WARNINGS: '1' },
  })
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  let output = ''
  const listening = new Promise<void>((resolve, reject) => {
    const look = (text: Buffer): void => {
      output = (output + text.toString()).slice(-10_000)
      if (/\blisten(?:ing|s)\b/.test(output)) resolve()
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('exit', () => reject(new Error(`${name} ended before it listened:\n${output}`)))
    setTimeout(() => reject(new Error(`${name} did not listen in time:\n${output}`)), startMsMax).unref()
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await listening
    return { port, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port')
  return address.port
}
