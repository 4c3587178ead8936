/** Opens the storage that a URL names. The one place that knows which schemes there are. */
import { fileURLToPath } from 'node:url'
import { Fault, messageOf } from '../base/fault.ts'
import { retryWith } from '../base/retry.ts'
import { second } from '../base/units.ts'
import type { World } from '../base/world.ts'
import type { Storage } from './storage.ts'
import { withRetry } from './with-retry.ts'

/** All that is needed to open a storage, as plain data: it is sent to worker threads, which open their own. */
export interface StorageDescription {
  readonly url: string
  /** Make the place when it is not there; only `init` does. */
  readonly make?: boolean
}

type OpenDriver = (url: URL, description: StorageDescription, world: World) => Promise<Storage>

/** A driver is loaded when it is used: those of object storage bring large packages. */
const drivers: Readonly<Record<string, OpenDriver>> = {
  'file:': async (url, { make = false }, world) => {
    const { openFsStorage } = await import('./drivers/fs.ts')
    return openFsStorage(folderOf(url), { makeRoot: make, world })
  },
}

const retryRule = { attemptsMax: 5, pauseMsFirst: 200, pauseMsMax: 5 * second }

export async function openStorage(description: StorageDescription, world: World): Promise<Storage> {
  const url = parseUrl(description.url)
  const open = drivers[url.protocol]
  if (open) return withRetry(await open(url, description, world), retryWith(world, retryRule))
  throw new Fault(
    'CONFIG_INVALID',
    `storage of the kind ${url.protocol}// is not supported: ${description.url}`,
    {
      hint: `Use one of ${Object.keys(drivers)
        .map(scheme => `${scheme}//`)
        .join(', ')}, for example file:///srv/backups.`,
    },
  )
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url) return url
  throw new Fault('CONFIG_INVALID', `${text} is not a URL`, {
    hint: 'Write a folder as file:///absolute/path.',
  })
}

function folderOf(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (error) {
    const hint = 'A folder is written with three slashes: file:///srv/backups.'
    throw new Fault(
      'CONFIG_INVALID',
      `${url.href} does not name a folder of this host: ${messageOf(error)}`,
      { hint, cause: error },
    )
  }
}
