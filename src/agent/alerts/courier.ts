/** Brings notices to one sink: what is in its outbox, again after growing pauses until it is taken. */
import { isFault, messageOf } from '../../base/fault.ts'
import { alertLimits } from '../../base/alert-limits.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { Clock } from '../../base/world.ts'
import { batchOf, delivered, failed, wakeMsOf, type Outbox } from '../../policy/alerts/outbox.ts'
import type { Sink } from '../../sinks/sink.ts'

export interface CourierDeps {
  readonly clock: Clock
  readonly log: Log
  readonly outboxOf: (sink: string) => Outbox | undefined
  /** Changes the outbox; resolves when it is remembered. */
  readonly settle: (sink: string, change: (outbox: Outbox) => Outbox) => Promise<void>
  /** Resolves when all that is known is remembered. */
  readonly remembered: () => Promise<void>
  /** Ids of what is being delivered. */
  readonly onTheirWay: Set<string>
  /** Aborts when there may be something new. */
  readonly news: () => AbortSignal
}

/** Until the signal; what is under way then has a few seconds to arrive. */
export async function carryTo(sink: Sink, deps: CourierDeps, signal: AbortSignal): Promise<void> {
  const { clock, outboxOf, news } = deps
  const sending = afterwards(clock, signal)
  while (!signal.aborted) {
    const outbox = outboxOf(sink.name)
    const batch = outbox ? batchOf(outbox, sink.togetherMax, clock.now()) : []
    if (batch.length > 0) await deliver(sink, batch, deps, sending)
    else {
      const napMs = Math.min((outbox ? wakeMsOf(outbox) : Infinity) - clock.now(), limits.timerMsMax)
      await clock.sleep(napMs, AbortSignal.any([signal, news()])).catch(() => undefined)
    }
  }
}

async function deliver(
  sink: Sink,
  batch: Outbox['notices'],
  { clock, log, settle, remembered, onTheirWay }: CourierDeps,
  signal: AbortSignal,
): Promise<void> {
  const ids = batch.map(({ id }) => id)
  for (const id of ids) onTheirWay.add(id)
  try {
    // Whoever is killed now finds it again, under the same id.
    await remembered()
    const remark = await sink.send(batch, signal)
    log.info('alert.delivered', { sink: sink.name, notices: ids.join(' '), remark })
    await settle(sink.name, outbox => delivered(outbox, batch, clock.now()))
  } catch (error) {
    if (signal.aborted) return
    const message = messageOf(error)
    await settle(sink.name, outbox => failed(outbox, message, clock.now()))
    const code = isFault(error) ? error.code : undefined
    log.warn('alert.undelivered', { sink: sink.name, notices: ids.join(' '), code, error: message })
  } finally {
    for (const id of ids) onTheirWay.delete(id)
  }
}

/** Aborts a little later than the other. */
function afterwards(clock: Clock, signal: AbortSignal): AbortSignal {
  const later = new AbortController()
  const never = new AbortController().signal
  const wait = (): void => {
    void clock.sleep(alertLimits.sinkEndMsMax, never).then(() => later.abort())
  }
  if (signal.aborted) wait()
  else signal.addEventListener('abort', wait, { once: true })
  return later.signal
}
