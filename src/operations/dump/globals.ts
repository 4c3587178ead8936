/** Roles, tablespaces and settings: what pg_dumpall says of the whole cluster. */
import { suffixOf } from '../../pipeline/codec.ts'
import { clientEnvironment } from '../../postgres/client-environment.ts'
import { connectTo } from '../../postgres/connection.ts'
import { startClient } from '../../postgres/dump/client-output.ts'
import { globalsArguments } from '../../postgres/dump/dump-arguments.ts'
import type { DumpedObject } from '../../repository/format/dump-record.ts'
import { globalsName } from '../../repository/layout.ts'
import type { DumpDeps, DumpSource } from './dump.ts'
import { openSealedObject, type ObjectPlace } from './sealed-object.ts'

export async function dumpGlobals(
  deps: DumpDeps,
  source: DumpSource,
  place: ObjectPlace,
  signal: AbortSignal,
): Promise<{ readonly globals: DumpedObject; readonly warnings: readonly string[] }> {
  deps.progress.phase('dumping the globals')
  const mayReadPasswords = await seesPasswords(deps, signal)
  const object = await openSealedObject(place, globalsName(suffixOf(place.encoding)), signal)
  try {
    await using output = startClient(
      {
        path: source.pgDumpAll.path,
        args: [...globalsArguments, ...(mayReadPasswords ? [] : ['--no-role-passwords'])],
        environment: clientEnvironment(deps.target, deps.environment),
        about: 'the globals',
      },
      signal,
    )
    for await (const bytes of output.bytes) await object.write(bytes)
    return { globals: await object.commit(), warnings: mayReadPasswords ? [] : [withoutPasswords] }
  } catch (error) {
    await object.abort()
    throw error
  }
}

const withoutPasswords = 'the globals hold no passwords of roles: the role that dumps may not read pg_authid'

async function seesPasswords({ target, environment }: DumpDeps, signal: AbortSignal): Promise<boolean> {
  await using server = await connectTo(target, { environment, applicationName: 'holdfast dump' }, signal)
  const [row] = await server.query<{ may: boolean }>(
    `SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS may`,
    [],
    signal,
  )
  return row?.may === true
}
