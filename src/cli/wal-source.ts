/** The archive of a repository, for the commands that read WAL. */
import type { WalSource } from '../operations/wal-get.ts'
import { openWalStore } from '../repository/wal-store.ts'
import type { CommandContext } from './context.ts'

export async function openWalSource(
  { openRepository }: CommandContext,
  name: string | undefined,
): Promise<WalSource> {
  const { repository, encoding, identities } = await openRepository(name)
  return {
    identity: repository.identity,
    store: openWalStore(repository, { encoding, identities: await identities() }),
  }
}

/** Says which archive it is, without opening it. */
export async function walSourceName({ config }: CommandContext, name: string | undefined): Promise<string> {
  const {
    config: { cluster, repositories },
  } = await config()
  const url = name === undefined ? Object.values(repositories)[0]?.url : repositories[name]?.url
  return `${url ?? ''} ${cluster}`
}
