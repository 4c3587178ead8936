/** What the host of the server owes to repositories, when this is that host. */
import { isFault } from '../base/fault.ts'
import { readOwedHere } from '../operations/wal-push/owed-here.ts'
import type { OwedFacts, OwedTarget } from '../operations/wal-push/owed.ts'
import { targetId } from '../operations/wal-push/target.ts'
import type { StorageDescription } from '../storage/open.ts'
import type { CommandContext } from './context.ts'
import { writtenRepositories } from './push-setup.ts'

type Looking = Pick<CommandContext, 'config' | 'connect' | 'describePlace' | 'signal' | 'world'>

/** Undefined where WAL goes to one repository alone, which is owed nothing, and where the server's pg_wal is not to be seen. */
export async function owedHere(context: Looking, named?: string): Promise<readonly OwedFacts[] | undefined> {
  const loaded = await context.config()
  const written = writtenRepositories(loaded, undefined)
  if (written.length < 2) return undefined
  const names = written.filter(name => named === undefined || name === named)
  const targets = await Promise.all(names.map(name => targetOf(context, name)))
  const dataDirectory = loaded.config.postgres.dataDirectory ?? (await askServer(context))
  return readOwedHere(targets, dataDirectory, context.world.clock)
}

/** As the push finds it; without the credentials, should they not be readable for whoever looks. */
async function targetOf({ config, describePlace }: Looking, name: string): Promise<OwedTarget> {
  const { cluster, repositories } = (await config()).config
  const { url = '', endpoint } = repositories[name] ?? {}
  const storage = await describePlace(name).then(
    ({ description }): StorageDescription => description,
    unlessFault,
  )
  return { name, id: targetId({ storage: storage ?? { url, access: { endpoint } } }, cluster) }
}

async function askServer({ connect, signal }: Looking): Promise<string | undefined> {
  try {
    await using server = await connect(signal)
    const [row] = await server.query("SELECT current_setting('data_directory') AS folder", [], signal)
    return typeof row?.['folder'] === 'string' ? row['folder'] : undefined
  } catch (error) {
    signal.throwIfAborted()
    unlessFault(error)
    return undefined
  }
}

function unlessFault(error: unknown): undefined {
  if (!isFault(error) || error.code === 'INTERRUPTED') throw error
}
