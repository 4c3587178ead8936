/** Sends a test to each sink of the configuration, all at the same time. */
import { hostname } from 'node:os'
import { alertsSetupOf } from '../agent/alerts/setup.ts'
import { Fault, isFault, messageOf } from '../base/fault.ts'
import { nearest } from '../base/nearest.ts'
import type { Notice } from '../policy/alerts/notice.ts'
import { openSinks } from '../sinks/open.ts'
import type { CommandContext } from './context.ts'
import { usageFault } from './usage.ts'

export interface SinkTest {
  readonly sink: string
  readonly kind: string
  readonly ok: boolean
  readonly durationMs: number
  /** Why it failed, or what to know though it did not. */
  readonly message: string | null
  readonly hint: string | null
}

export async function testSinks(
  context: CommandContext,
  chosen: readonly string[],
): Promise<readonly SinkTest[]> {
  const { world, terminal, signal } = context
  const loaded = await context.config()
  // A mistake in their rules is told here, too.
  alertsSetupOf(loaded)
  const { sinks, pings } = openSinks(loaded, { clock: world.clock, environment: terminal.environment })
  const notice = testNotice(loaded.config.cluster, world.clock.now(), world.randomBytes(4))
  const all = [
    ...sinks.map(sink => ({
      name: sink.name,
      kind: sink.kind,
      work: () => sink.send([notice], signal),
    })),
    ...pings.map(one => ({ name: one.name, kind: 'ping', work: () => one.ping(signal) })),
  ]
  if (all.length === 0)
    throw new Fault('CONFIG_INVALID', `${loaded.path} names no sinks of alerts`, {
      hint: 'Name some as `sinks` of `alerts`; docs/alerts.md shows how.',
    })
  const names = all.map(({ name }) => name)
  for (const name of chosen) if (!names.includes(name)) throw unknownSink(name, names)
  const wanted = chosen.length === 0 ? all : all.filter(({ name }) => chosen.includes(name))
  return Promise.all(
    wanted.map(async ({ name, kind, work }): Promise<SinkTest> => {
      const beganMs = world.clock.monotonicMs()
      const result = await work().then(
        remark => ({ ok: remark === undefined, message: remark ?? null, hint: null }),
        (error: unknown) => ({
          ok: false,
          message: messageOf(error),
          hint: isFault(error) ? error.hint : null,
        }),
      )
      signal.throwIfAborted()
      return { sink: name, kind, durationMs: Math.round(world.clock.monotonicMs() - beganMs), ...result }
    }),
  )
}

function testNotice(cluster: string, nowMs: number, random: Uint8Array): Notice {
  const id = `test-${Buffer.from(random).toString('hex')}`
  return {
    id,
    alertId: id,
    kind: 'test',
    cluster,
    finding: {
      code: 'TEST',
      state: 'warning',
      repository: null,
      subject: null,
      message: `this is a test from ${hostname()}: alerts arrive here`,
      fix: 'Nothing: somebody ran `holdfast alerts test`.',
      runbook: null,
    },
    sinceMs: nowMs,
    atMs: nowMs,
    cameTimes: undefined,
  }
}

function unknownSink(name: string, names: readonly string[]): Fault {
  const near = nearest(name, names)
  const hint = near === undefined ? `Give one of: ${names.join(', ')}.` : `Did you mean "${near}"?`
  return usageFault(`the configuration has no sink "${name}"`, hint)
}
