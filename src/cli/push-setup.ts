/** From the configuration to the repositories that WAL is pushed to. */
import { Fault } from '../base/fault.ts'
import type { LoadedConfig } from '../config/config.ts'
import type { PushTarget } from '../operations/wal-push/target.ts'
import type { CommandContext } from './context.ts'

export interface PushPlan {
  readonly cluster: string
  readonly targets: readonly PushTarget[]
  readonly durableIn: number
}

export async function pushPlan(
  { config, describePlace }: Pick<CommandContext, 'config' | 'describePlace'>,
  repository: string | undefined,
): Promise<PushPlan> {
  const loaded = await config()
  const names = writtenRepositories(loaded, repository)
  const { cluster, wal } = loaded.config
  const durableIn = repository === undefined ? wal.durableIn : 1
  if (durableIn > names.length) throw tooFewRepositories(loaded, names.length)
  const places = await Promise.all(names.map(name => describePlace(name)))
  const targets = places.map(({ name, description, encoding }) => ({ name, storage: description, encoding }))
  return { cluster, targets, durableIn }
}

/** The repositories that backups and WAL are written to, the leading one first: those that are no copy of another. */
export function writtenRepositories({ config }: LoadedConfig, named: string | undefined): readonly string[] {
  const all = Object.entries(config.repositories)
  const own = all.filter(([, { copyOf }]) => copyOf === undefined).map(([name]) => name)
  const [first] = own.length > 0 ? own : all.map(([name]) => name)
  if (named !== undefined) return [named]
  return config.write === 'all' ? own : first === undefined ? [] : [first]
}

function tooFewRepositories({ config, path }: LoadedConfig, count: number): Fault {
  return new Fault(
    'CONFIG_INVALID',
    `wal.durable_in is ${String(config.wal.durableIn)}, and ${path} writes to ${String(count)} ${count === 1 ? 'repository' : 'repositories'}`,
    {
      hint:
        config.write === 'first'
          ? 'Set `write: all`, so that WAL goes to all repositories that are not a copy; or lower wal.durable_in.'
          : 'Lower wal.durable_in, or add a repository that is not a copy of another.',
    },
  )
}
