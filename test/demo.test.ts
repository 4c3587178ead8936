/** `npm run demo` with little data: the story is whole, every claim in it holds, and nothing is left of it. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from './support/until.ts'

const demo = fileURLToPath(new URL('../scripts/demo.ts', import.meta.url))

let place: string
let played: Played | undefined

beforeEach(() => {
  // The socket of the restored copy has to fit in 107 bytes, so not in a deep TMPDIR.
  place = mkdtempSync('/tmp/hf-demo-test-')
  execFileSync('chmod', ['711', place])
})

afterEach(async () => {
  played?.child.kill('SIGTERM')
  await played?.ended
  rmSync(place, { recursive: true, force: true })
})

interface Played {
  readonly child: ChildProcess
  readonly text: () => string
  readonly ended: Promise<number | null>
}

function play(...options: readonly string[]): Played {
  const child = spawn(process.execPath, [demo, '--orders', '5000', ...options], {
    env: { ...process.env, TMPDIR: place, NO_COLOR: undefined, FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => (text += more))
  }
  played = { child, text: () => text, ended: new Promise(resolve => child.once('close', resolve)) }
  return played
}

describe('the demo', () => {
  test(
    'tells the story to its end, checks what it claims, and leaves nothing',
    { timeout: 180_000 },
    async () => {
      const { ended, text } = play()
      expect(await ended, text()).toBe(0)
      expect([...text().matchAll(/^\[(\d)\/8\] /gm)].map(([, step]) => Number(step))).toEqual([
        1, 2, 3, 4, 5, 6, 7, 8,
      ])
      const typed = [...text().matchAll(/^ +\$ (\w+ \w+)/gm)].map(([, command]) => command)
      expect(typed).toEqual(
        expect.arrayContaining(['holdfast init', 'holdfast backup', 'holdfast restore', 'holdfast verify']),
      )
      expect(text()).toContain('statement: DROP TABLE orders')
      expect(text()).toMatch(/checked all 5,000 orders are back, with the 500 made after the backup/)
      expect(text()).toMatch(/lost \(RPO\) +0 of \d+ payments/)
      expect(text()).toMatch(/^All \d+ claims were checked, and hold\.$/m)
      expect(text(), 'nobody sees colours in a file').not.toContain('\x1b')
      await expectNothingLeft()
    },
  )

  test('--keep leaves the servers running, and says how to remove them', { timeout: 180_000 }, async () => {
    const { ended, text } = play('--keep')
    expect(await ended, text()).toBe(0)
    expect(processesIn(place).filter(command => command.includes('/postgres'))).not.toEqual([])
    const [, script] = /remove all of it +sh (\S+)/.exec(text()) ?? []
    execFileSync('sh', [script ?? ''])
    await expectNothingLeft()
  })

  test.each([
    ['SIGINT', '[3/8]', 130],
    ['SIGTERM', '[6/8]', 130],
    ['SIGKILL', '[4/8]', null],
  ] as const)('%s at step %s leaves nothing', { timeout: 180_000 }, async (signal, step, status) => {
    const { child, ended, text } = play()
    await until(`the story is at ${step}`, () => text().includes(step) || child.exitCode !== null)
    child.kill(signal)
    expect(await ended, text()).toBe(status)
    await expectNothingLeft()
  })
})

/** What fetches WAL ahead for the copy ends by itself, soon after its server has. After SIGKILL somebody else cleans up. */
async function expectNothingLeft(): Promise<void> {
  const all = (): readonly string[] => [...readdirSync(place), ...processesIn(place)]
  await until('nothing is left', () => all().length === 0, { timeoutMs: 10_000 }).catch(() => undefined)
  expect(all()).toEqual([])
}

/** Command lines that name the folder. */
function processesIn(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(commandOf)
    .filter(command => command.includes(folder))
}

function commandOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
