/** This host's audit trail, as one run of a command writes to it. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { agentPlacesOf } from '../agent/setup.ts'
import type { AuditEvent, Facts, KeyUse, Result, What, Who } from '../audit/entry.ts'
import { chooseFolder } from '../audit/folder.ts'
import { appendEvents } from '../audit/journal.ts'
import { whoRuns } from '../audit/who.ts'
import { messageOf } from '../base/fault.ts'
import { toolName } from '../base/version.ts'
import type { LoadedConfig } from '../config/config.ts'
import type { CommandContext } from './context.ts'

interface TrailStart {
  readonly folder: string
  readonly who: Who
  readonly required: boolean
  /** When the operation began. */
  readonly startedMs: number
}

export class Trail {
  readonly operation: string
  readonly folder: string
  readonly who: Who
  readonly #context: CommandContext
  readonly #required: boolean
  readonly startedAt: string
  #isTold = false

  constructor(context: CommandContext, { folder, who, required, startedMs }: TrailStart) {
    this.operation = Buffer.from(context.world.randomBytes(8)).toString('hex')
    this.folder = folder
    this.who = who
    this.#context = context
    this.#required = required
    this.startedAt = new Date(startedMs).toISOString()
  }

  /** AUDIT_UNWRITABLE where nothing may be done without the trail. */
  async begin(what: What): Promise<void> {
    await this.#append({ event: 'begun', ...this.#stamp(), what }, this.#required)
  }

  async note(about: string, facts: Facts): Promise<void> {
    await this.#append({ event: 'note', ...this.#stamp(), about, facts }, this.#required)
  }

  /** What was done is done, whether this can be written or not. */
  async end(what: What, result: Result, keys: readonly KeyUse[]): Promise<void> {
    const { startedAt } = this
    await this.#append({ event: 'ended', startedAt, ...this.#stamp(), what, result, keys: [...keys] }, false)
  }

  #stamp() {
    const at = new Date(this.#context.world.clock.now()).toISOString()
    return { at, operation: this.operation, who: this.who }
  }

  async #append(event: AuditEvent, mustBe: boolean): Promise<void> {
    const { world, output } = this.#context
    // Also when the operation is told to stop: that it was is to be entered. How long it may take has its limit.
    const { signal } = new AbortController()
    try {
      await appendEvents(this.folder, [event], { world, who: this.who, tool: toolName }, signal)
    } catch (error) {
      const isTold = this.#isTold
      this.#isTold = true
      if (mustBe) throw error
      if (!isTold) output.warn(`${messageOf(error)}; the work goes on without it`)
    }
  }
}

export async function openTrail(context: CommandContext, verb: string, startedMs: number): Promise<Trail> {
  const { config } = await context.config()
  const { terminal } = context
  return new Trail(context, {
    folder: await trailFolder(context),
    who: whoRuns(terminal.environment, { terminal: terminal.ask !== undefined, verb }),
    required: config.audit.required,
    startedMs,
  })
}

export async function trailFolder(context: CommandContext): Promise<string> {
  const { config } = await context.config()
  return chooseFolder({
    directory: config.audit.directory,
    stateFolder: agentPlacesOf(config).folder,
    cluster: config.cluster,
    environment: context.terminal.environment,
    home: homedir(),
  })
}

/** Undefined: the file can not be read any more. */
export async function digestOfConfig({ path }: LoadedConfig): Promise<string | undefined> {
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  } catch {
    return undefined
  }
}
