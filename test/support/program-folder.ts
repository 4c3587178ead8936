/** A folder with the programs of a server and of its clients, as a distribution's package has them: `postgres.bin_directory`. */
import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { binDirectory, type Major } from './postgres-binaries.ts'
import { clientDirectory, type ClientMajor } from './postgres-clients.ts'
import { makeOwned } from './postgres-server.ts'

/** Clients of the same major where there are any, else of the next newer one. */
const clientsFor: Readonly<Record<Major, ClientMajor>> = { 14: 15, 15: 15, 16: 17, 17: 17, 18: 18 }

/** Made of links, below `root`. */
export function programFolder(root: string, major: Major): string {
  const folder = join(root, 'programs')
  makeOwned(folder)
  const server = binDirectory(major)
  for (const name of ['postgres', 'pg_ctl', 'initdb']) symlinkSync(join(server, name), join(folder, name))
  const clients = clientDirectory(clientsFor[major])
  for (const name of readdirSync(clients))
    if (['pg_dump', 'pg_restore', 'psql'].includes(name)) symlinkSync(join(clients, name), join(folder, name))
  return folder
}
