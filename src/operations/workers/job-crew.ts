/** A crew that a main thread gives one job after another, each to whichever worker is idle, and awaits each result. */
import type { Fault } from '../../base/fault.ts'
import { runCrew, type CrewMessage, type Reply, type WorkerHost } from './crew.ts'
import { decodeFailure, type Failure, type ToWorker, type WorkerSetup } from './messages.ts'

export interface JobCrew<Job, Result> {
  /** A job that fails does not end its worker. */
  run(job: Job): Promise<Result>
  /** Lets the workers go; returns when they are gone. Throws what they failed of. */
  finish(): Promise<void>
}

export interface JobKind<Job, Result> {
  readonly setup: WorkerSetup
  /** Made when a worker is there for it. */
  readonly messageOf: (number: number, job: Job) => JobMessage
  /** Undefined: the message is about something else. */
  readonly outcomeIn: (message: CrewMessage) => JobOutcome<Result> | undefined
  /** What a job is told that will not be done any more. */
  readonly ended: () => Fault
}

export interface JobMessage {
  readonly message: ToWorker
  readonly transfer: readonly ArrayBuffer[]
}

export interface JobOutcome<Result> {
  readonly number: number
  readonly outcome: { readonly result: Result } | { readonly failure: Failure }
}

export function startJobCrew<Job, Result>(
  host: WorkerHost,
  { setup, messageOf, outcomeIn, ended: endedFault }: JobKind<Job, Result>,
  workers: number,
  signal: AbortSignal,
): JobCrew<Job, Result> {
  interface Entry {
    readonly number: number
    readonly job: Job
    readonly result: PromiseWithResolvers<Result>
  }
  const waiting: Entry[] = []
  const underWay = new Map<number, Entry>()
  const idle: Reply[] = []
  let count = 0
  let ended: Error | undefined

  const handOut = (): void => {
    while (idle.length > 0 && waiting.length > 0) {
      const entry = waiting.shift()
      const reply = idle.shift()
      if (!entry || !reply) return
      underWay.set(entry.number, entry)
      const { message, transfer } = messageOf(entry.number, entry.job)
      reply(message, transfer)
    }
    if (ended !== undefined) for (const reply of idle.splice(0)) reply({ kind: 'finish' })
  }
  const onMessage = (message: CrewMessage, reply: Reply): void => {
    if (message.kind === 'idle') idle.push(reply)
    const told = outcomeIn(message)
    if (told) settle(told)
    handOut()
  }
  const settle = ({ number, outcome }: JobOutcome<Result>): void => {
    const entry = underWay.get(number)
    underWay.delete(number)
    if ('failure' in outcome) entry?.result.reject(decodeFailure(outcome.failure))
    else entry?.result.resolve(outcome.result)
  }
  const endAll = (reason: Error): void => {
    ended ??= reason
    for (const { result } of [...waiting.splice(0), ...underWay.values()]) result.reject(ended)
    underWay.clear()
  }

  const setups = Array.from({ length: workers }, () => setup)
  const crew = runCrew(host, { setups, onMessage }, signal)
  // Told by `finish`; what waits for a worker must not wait for ever.
  crew.catch((error: unknown) => {
    endAll(error instanceof Error ? error : endedFault())
  })

  return {
    run(job) {
      if (ended !== undefined) return Promise.reject(ended)
      const entry = { number: ++count, job, result: Promise.withResolvers<Result>() }
      waiting.push(entry)
      handOut()
      return entry.result.promise
    },
    async finish() {
      endAll(endedFault())
      handOut()
      await crew
    },
  }
}
