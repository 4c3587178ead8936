/** Snapshots of managed servers on the command line: made, listed, and brought back as new servers. */
import { assert } from '../base/assert.ts'
import { Fault, faultCatalogue } from '../base/fault.ts'
import { takeManaged } from '../operations/managed/take.ts'
import type { ManagedRecord } from '../repository/format/managed-json.ts'
import { readManaged } from '../repository/managed-records.ts'
import { openWritten } from './backup-setup.ts'
import type { CommandContext } from './context.ts'
import { behindLine, settleBehind } from './settle-behind.ts'
import { witnesses } from './snapshot-setup.ts'
import { managedOpener } from './managed-servers.ts'
import { managedListing } from './describe-managed.ts'
import { usageFault } from './usage.ts'

export async function snapshotManaged(
  context: CommandContext,
  given: { readonly label: string | undefined; readonly repository: string | undefined },
): Promise<number | undefined> {
  const { config, path } = await context.config()
  const { snapshots, cluster } = config
  assert(snapshots !== undefined, 'the configuration has said which provider')
  const { instance, provider, timeLimit } = snapshots
  if (instance === undefined)
    throw new Fault(
      'CONFIG_INVALID',
      `${path} does not say which server ${provider} has to make snapshots of`,
      {
        hint: 'Set `instance` under `snapshots`: what the vendor calls the server.',
      },
    )
  const written = await openWritten(context, given.repository)
  const otherWitnesses = await witnesses(context)
  const server = await managedOpener(context)({ provider, instance })
  try {
    const { world, progress, log } = context
    const request = { cluster, label: given.label ?? '', timeLimitMs: timeLimit }
    const deps = { world, progress, log, server, members: written.members, otherWitnesses }
    const outcome = await takeManaged(deps, request, context.signal)
    const { record } = outcome
    const { whole, behind } = await settleBehind(context, written, outcome)
    context.output.result({ ...record, repositories: whole }, () => managedListing({ record }))
    for (const { name, fault } of behind)
      context.output.warn(behindLine(record.id, { from: whole[0] ?? '', to: name }, fault))
    return behind.length > 0 ? faultCatalogue.REPOSITORY_BEHIND.exit : undefined
  } finally {
    await server.close()
  }
}

export interface ManagedRestoreWords {
  readonly backup: string | undefined
  readonly asInstance: string
  readonly repository: string | undefined
  readonly plan: boolean
}

export async function restoreManaged(context: CommandContext, given: ManagedRestoreWords): Promise<void> {
  const { output, progress, signal } = context
  const record = await findManaged(context, given)
  const { copy } = record
  const server = await managedOpener(context)(record)
  try {
    const primary = await server.describe(record.reference, signal).catch((error: unknown) => {
      // A region that is lost is what the copy is for.
      if (copy === null) throw error
      return undefined
    })
    const reference = primary?.state === 'ready' || copy === null ? record.reference : copy.reference
    const plan = { backup: record.id, provider: record.provider, reference, instance: given.asInstance }
    output.note(`${record.id}: ${reference} becomes the new server ${given.asInstance}`)
    if (given.plan) {
      output.result({ plan }, () => '')
      return
    }
    progress.phase(`waiting for ${given.asInstance}`)
    const request = { reference, details: record.details, name: given.asInstance }
    const { address } = await server.restore(request, signal)
    output.result(
      { plan, result: { address } },
      () => `${given.asInstance} answers at ${address}. Its users and passwords are those of the snapshot.\n`,
    )
  } finally {
    await server.close()
  }
}

async function findManaged(context: CommandContext, given: ManagedRestoreWords): Promise<ManagedRecord> {
  const { backup: id } = given
  if (id === undefined)
    throw usageFault(
      '--as-instance needs a snapshot',
      'Name it with --backup ID; `holdfast list` shows them.',
    )
  const { config } = await context.config()
  const names = given.repository === undefined ? Object.keys(config.repositories) : [given.repository]
  for (const name of names) {
    const { repository } = await context.openRepository(name)
    const record = await readManaged(repository, id, context.signal)
    if (record) return record
  }
  throw new Fault(
    'BACKUP_NOT_FOUND',
    `there is no snapshot of a managed server ${id} in ${names.join(', ')}`,
    {
      hint: 'Run holdfast list; others than those of managed servers are restored with --target-dir.',
    },
  )
}
