/**
 * What the agent remembers between its lives: one small file, replaced as a whole, so that a kill at any moment leaves the
 * old one or the new one. A file that can not be read is put aside: it must not keep backups from being made.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { Fault, messageOf } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import { causes, outcomes, type JobMemory } from '../policy/jobs/job.ts'
import { readReplaced, replaceFile } from './replace-file.ts'

export interface AgentState {
  readonly jobs: ReadonlyMap<string, JobMemory>
}

const time = z.number().check(z.nonnegative())
const run = z.object({
  dueMs: time,
  startedMs: time,
  attempt: z.int(),
  cause: z.enum(causes),
})
const memory = z.object({
  scheduleText: z.string(),
  settledMs: time,
  trying: z.optional(z.object({ dueMs: time, attempts: z.int(), nextMs: time })),
  running: z.optional(z.extend(run, { kind: z.string() })),
  history: z.array(
    z.extend(run, {
      endedMs: time,
      outcome: z.enum(outcomes),
      exit: z.optional(z.int()),
      message: z.optional(z.string()),
    }),
  ),
})
const stateFile = z.object({
  format: z.literal(1),
  jobs: z.record(z.string(), memory),
})

const fileName = 'agent.json'

export async function readState(folder: string, log: Log): Promise<AgentState> {
  try {
    const known = await readReplaced(folder, fileName, json => stateFile.parse(json), log)
    return stateOf(known)
  } catch (error) {
    throw unusable(folder, error)
  }
}

/** For who only looks: undefined when there is none, or it may not or can not be read. */
export async function peekState(folder: string): Promise<AgentState | undefined> {
  try {
    return stateOf(stateFile.parse(JSON.parse(await readFile(join(folder, fileName), 'utf8'))))
  } catch {
    return undefined
  }
}

function stateOf(known: z.infer<typeof stateFile> | undefined): AgentState {
  return { jobs: new Map(Object.entries(known?.jobs ?? {}).map(([name, one]) => [name, whole(one)])) }
}

export async function writeState(folder: string, { jobs }: AgentState): Promise<void> {
  await replaceFile(folder, fileName, `${JSON.stringify({ format: 1, jobs: Object.fromEntries(jobs) })}\n`)
}

export async function makeStateFolder(folder: string): Promise<void> {
  try {
    await mkdir(join(folder, 'runs'), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unusable(folder, error)
  }
}

function unusable(folder: string, error: unknown): Fault {
  return new Fault('AGENT_STATE', `the agent can not use ${folder}: ${messageOf(error)}`, {
    hint: `Make the folder for the user who runs the agent, or name another as \`state\` of \`agent\` in the configuration.`,
    cause: error,
  })
}

/** What is absent in JSON is undefined here. */
function whole({ trying, running, ...rest }: z.infer<typeof memory>): JobMemory {
  return {
    ...rest,
    trying,
    running,
    history: rest.history.map(({ exit, message, ...record }) => ({ ...record, exit, message })),
  }
}
