/** The two sides of a copy, opened; and others, once they are needed. */
import { isFault } from '../base/fault.ts'
import type { CopyDeps, CopyOptions } from '../operations/copy/copy.ts'
import { unwantedOf } from '../operations/copy/retention.ts'
import type { CopySide } from '../operations/copy/sides.ts'
import { retentionOf } from '../operations/lock/lock-rules.ts'
import type { CommandContext } from './context.ts'
import type { CopyPair } from './copy-pairs.ts'

export async function openCopy(context: CommandContext, pair: CopyPair): Promise<CopyDeps> {
  const { world, progress, log, openPlace } = context
  const from = await openSide(context, pair.from)
  const place = await openPlace(pair.to)
  const to = {
    name: place.name,
    storage: place.storage,
    recipients: place.encoding.recipients,
    identities: await place.identities(),
  }
  return { world, progress, log, from, to, others: openOthers(context, [pair.from, pair.to]) }
}

/** By the rules of the destination. What is asked for by its id is copied whatever they say. */
export async function keptBy<Options extends object>(
  { config, world }: Pick<CommandContext, 'config' | 'world'>,
  to: string,
  options: Options,
): Promise<Options & Required<Pick<CopyOptions, 'unwantedOf'>>> {
  const rules = retentionOf((await config()).config, to)
  return { ...options, unwantedOf: source => unwantedOf(source, rules, world.clock.now()) }
}

export async function openSide({ openRepository }: CommandContext, name: string): Promise<CopySide> {
  const { repository, encoding, identities } = await openRepository(name)
  return { name, repository, recipients: encoding.recipients, identities: await identities() }
}

/** Each is opened at most once, and only when somebody asks for it. One that can not be opened is told of and left out. */
export function openOthers(
  context: CommandContext,
  besides: readonly string[],
): () => AsyncGenerator<CopySide, void, undefined> {
  const opened = new Map<string, Promise<CopySide | undefined>>()
  const open = async (name: string): Promise<CopySide | undefined> => {
    try {
      return await openSide(context, name)
    } catch (error) {
      if (!isFault(error)) throw error
      context.output.warn(`"${name}" is of no help: ${error.message}`)
      return undefined
    }
  }
  return async function* () {
    const { config } = await context.config()
    for (const name of Object.keys(config.repositories).filter(known => !besides.includes(known))) {
      const side = opened.get(name) ?? open(name)
      opened.set(name, side)
      const found = await side
      if (found) yield found
    }
  }
}
