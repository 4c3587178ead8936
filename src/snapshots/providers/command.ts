/**
 * Own scripts: a program that is called with a verb, gets a request as JSON on standard input, and answers with JSON on standard
 * output. docs/snapshots.md is its contract.
 */
import { Fault } from '../../base/fault.ts'
import type { CommandSettings, SnapshotSettings } from '../description.ts'
import { mountOf, readMounts } from '../mounts.ts'
import type {
  FoundSnapshot,
  SnapshotOwner,
  SnapshotProvider,
  SnapshotState,
  TakenSnapshot,
} from '../provider.ts'
import { failedWith, runProgram, type ProgramCall, type RunProgram } from '../run-program.ts'
import { assertNothingMounted, gatherVolumes, unsupported } from '../volumes.ts'

type Verb = 'create' | 'list' | 'describe' | 'restore' | 'discard' | 'remove'
type Ask = (verb: Verb, request: object, signal: AbortSignal) => Promise<unknown>

/** The program's way to say that there is no such snapshot. */
const statusMissing = 3

export function openCommand(settings: SnapshotSettings, run: RunProgram = runProgram): SnapshotProvider {
  const { command, timeLimitMs, volumes: named } = settings
  if (!command)
    throw new Fault('CONFIG_INVALID', 'snapshots.provider is "command", and snapshots.command is missing', {
      hint: 'Name the program in snapshots.command.program.',
    })
  const ask = asker(command, timeLimitMs, run)
  return {
    name: 'command',
    restores: command.restores,
    volumesOf: async (trees, signal) => {
      signal.throwIfAborted()
      const mounts = await readMounts()
      return gatherVolumes(trees, tree => {
        const mount = mountOf(mounts, tree.path)
        if (!mount) throw unsupported(`${tree.path} lies on no mount`, 'Look at /proc/self/mountinfo.')
        assertNothingMounted(mounts, tree, trees)
        const id = named.find(volume => volume.mount === mount.path)?.id
        return Promise.resolve({
          source: id ?? mount.source,
          mountPath: mount.path,
          fileSystem: mount.fileSystem,
        })
      })
    },
    create: async (request, signal) => {
      signal.throwIfAborted()
      const { cluster, systemIdentifier, repository, id } = request
      const order = request.last === undefined ? {} : { last: request.last }
      try {
        const volumes = request.volumes.map(({ name, source, mountPath, fileSystem }) => ({
          name,
          source,
          mountPath,
          fileSystem,
        }))
        const answer = await ask(
          'create',
          { cluster, systemIdentifier, repository, id, volumes, ...order },
          signal,
        )
        return takenOf(
          answer,
          request.volumes.map(({ name }) => name),
        )
      } catch (error) {
        await removeOf({ cluster, systemIdentifier, repository, id }, ask)
        throw error
      }
    },
    list: async (owner, _, signal) => {
      const { cluster, systemIdentifier } = owner
      return foundOf(await ask('list', { cluster, systemIdentifier }, signal))
    },
    describe: async ({ volume, reference, details }, signal) =>
      stateOf(await ask('describe', { volume, reference, details }, signal)),
    restore: async ({ cluster, systemIdentifier, id, snapshot, fileSystem, inside, to }, signal) => {
      const request = { cluster, systemIdentifier, id, ...snapshot, fileSystem, inside, to }
      const answer = await ask('restore', request, signal)
      const volume = textIn(answer, 'volume')
      const discard = async (stop: AbortSignal): Promise<void> => {
        await ask('discard', { ...request, newVolume: volume }, stop)
      }
      return { what: textIn(answer, 'what') ?? 'what snapshots.command restored', volume, discard }
    },
    discard: async ({ cluster, systemIdentifier, id, snapshot, fileSystem, inside, to }, signal) => {
      // Which volume came of it nobody has heard: the place tells.
      await ask('discard', { cluster, systemIdentifier, id, ...snapshot, fileSystem, inside, to }, signal)
    },
    remove: async ({ volume, reference, details }, signal) => {
      await ask('remove', { volume, reference, details }, signal)
    },
    close: () => Promise.resolve(),
  }
}

/** The answer; undefined when the program says that there is no such thing. */
function asker({ program }: CommandSettings, timeLimitMs: number, run: RunProgram): Ask {
  return async (verb, request, signal) => {
    const [first = '', ...rest] = program
    const call: ProgramCall = {
      words: [first, ...rest, verb],
      timeLimitMs,
      input: `${JSON.stringify(request)}\n`,
      environment: { HOLDFAST_VERB: verb },
    }
    const result = await run(call, signal)
    if (result.status === statusMissing && (verb === 'describe' || verb === 'remove' || verb === 'discard'))
      return undefined
    if (result.status !== 0) throw failedWith(call, result)
    if (verb === 'remove' || verb === 'discard') return undefined
    try {
      return JSON.parse(result.stdout) as unknown
    } catch (error) {
      throw misunderstood(verb, `it is not JSON: ${result.stdout.slice(0, 200)}`, error)
    }
  }
}

/** What a failed `create` left, as far as the program lists it. Its own failure is what is told. */
async function removeOf(
  { cluster, systemIdentifier, repository, id }: SnapshotOwner & { readonly id: string },
  ask: Ask,
): Promise<void> {
  const { signal } = new AbortController()
  try {
    const left = foundOf(await ask('list', { cluster, systemIdentifier }, signal))
    for (const snapshot of left.filter(one => one.id === id && one.repository === repository)) {
      const { volume, reference } = snapshot
      await ask('remove', { volume, reference, details: {} }, signal)
    }
  } catch {
    // The next run finds it by `list`.
  }
}

function takenOf(answer: unknown, names: readonly string[]): readonly TakenSnapshot[] {
  const taken = listIn(answer).map(entry => ({
    volume: needText('create', entry, 'volume'),
    reference: needText('create', entry, 'reference'),
    sizeBytes: numberIn(entry, 'sizeBytes'),
    details: detailsIn(entry),
  }))
  return names.map(name => {
    const one = taken.find(({ volume }) => volume === name)
    if (one) return one
    throw misunderstood('create', `it does not name a snapshot of the volume ${name}`)
  })
}

const foundOf = (answer: unknown): readonly FoundSnapshot[] =>
  listIn(answer).map(entry => ({
    id: needText('list', entry, 'id'),
    volume: needText('list', entry, 'volume'),
    reference: needText('list', entry, 'reference'),
    repository: textIn(entry, 'repository'),
  }))

function stateOf(answer: unknown): SnapshotState | undefined {
  if (answer === undefined) return undefined
  const state = needText('describe', answer, 'state')
  if (state !== 'ready' && state !== 'pending' && state !== 'failed')
    throw misunderstood('describe', `"state" is ${state}, not ready, pending or failed`)
  return { state, percent: numberIn(answer, 'percent'), sizeBytes: numberIn(answer, 'sizeBytes') }
}

function listIn(answer: unknown): readonly unknown[] {
  const list = fieldIn(answer, 'snapshots')
  if (Array.isArray(list)) return list
  throw misunderstood('list', 'it has no list "snapshots"')
}

const fieldIn = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined

function textIn(value: unknown, name: string): string | undefined {
  const field = fieldIn(value, name)
  return typeof field === 'string' && field !== '' ? field : undefined
}

function needText(verb: Verb, value: unknown, name: string): string {
  const field = textIn(value, name)
  if (field !== undefined) return field
  throw misunderstood(verb, `"${name}" is missing in it`)
}

function numberIn(value: unknown, name: string): number | undefined {
  const field = fieldIn(value, name)
  return typeof field === 'number' && Number.isSafeInteger(field) && field >= 0 ? field : undefined
}

function detailsIn(value: unknown): Readonly<Record<string, string>> {
  const details = fieldIn(value, 'details')
  if (typeof details !== 'object' || details === null) return {}
  return Object.fromEntries(
    Object.entries(details).flatMap(([name, text]: [string, unknown]) =>
      typeof text === 'string' ? [[name, text]] : [],
    ),
  )
}

const misunderstood = (verb: Verb, why: string, cause?: unknown): Fault =>
  new Fault('SNAPSHOT_FAILED', `the answer of snapshots.command to "${verb}" can not be used: ${why}`, {
    hint: 'Run it by hand with the request that docs/snapshots.md shows, and compare the answer.',
    cause,
  })
