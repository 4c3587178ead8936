/** Reads a manifest as a stream: its head first, then its files, some thousand at a time. */
import { decodeStream } from '../../pipeline/codec.ts'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Storage } from '../../storage/storage.ts'
import {
  decodeManifestDirectory,
  decodeManifestFile,
  manifestEnd,
  manifestMiddle,
  parseManifestOpening,
} from '../format/manifest-lines.ts'
import type { ManifestDirectory, ManifestFile, ManifestHead } from '../format/manifest.ts'
import { inPack } from './pack-reader.ts'

export interface ManifestReader {
  readonly head: ManifestHead
  /** Can be read once. Every damage is OBJECT_CORRUPT, also an end that comes too early. */
  readonly files: AsyncIterable<readonly ManifestFile[]>
  /** For who does not read the files to their end. */
  close(): Promise<void>
}

export async function openManifest(
  source: { readonly storage: Storage; readonly key: string; readonly identities: readonly string[] },
  signal: AbortSignal,
): Promise<ManifestReader> {
  const { key } = source
  const groups = lineGroups(decodeStream(source.storage.get(key, undefined, signal), source.identities), key)
  const pending: string[] = []
  const nextLine = async (): Promise<string> => {
    while (pending.length === 0) {
      const { done, value } = await groups.next()
      if (done === true) throw corrupt(key, 'it is cut off')
      pending.push(...value.toReversed())
    }
    return pending.pop() ?? ''
  }
  const head = await readHead(nextLine, key)
  return {
    head,
    files: readFiles(pending.toReversed(), groups, key),
    close: async () => {
      await groups.return()
    },
  }
}

async function readHead(nextLine: () => Promise<string>, key: string): Promise<ManifestHead> {
  const backup = parseManifestOpening(await nextLine())
  if (backup === undefined) throw corrupt(key, 'it does not begin as a manifest of format 1')
  const directories: ManifestDirectory[] = []
  for (let line = await nextLine(); line !== manifestMiddle; line = await nextLine()) {
    if (line === '') continue
    const directory = decodeManifestDirectory(line)
    if (!directory) throw corrupt(key, `a directory's line is damaged: ${line.slice(0, 80)}`)
    directories.push(directory)
  }
  return { backup, directories }
}

async function* readFiles(
  first: readonly string[],
  groups: AsyncGenerator<readonly string[], void, undefined>,
  key: string,
): AsyncGenerator<readonly ManifestFile[], void, undefined> {
  let ended = false
  for (let lines: readonly string[] = first; ;) {
    const files: ManifestFile[] = []
    for (const line of lines) {
      if (ended) throw corrupt(key, 'something follows its end')
      if (line === manifestEnd) ended = true
      else if (line !== '') files.push(fileOf(line, key))
    }
    if (files.length > 0) yield files
    const next = await groups.next()
    if (next.done === true) break
    lines = next.value
  }
  if (!ended) throw corrupt(key, 'it is cut off')
}

function fileOf(line: string, key: string): ManifestFile {
  const file = decodeManifestFile(line)
  if (!file) throw corrupt(key, `a file's line is damaged: ${line.slice(0, 80)}`)
  return file
}

/** Whole lines, as many as each piece of the stream brings. */
async function* lineGroups(
  text: AsyncIterable<Uint8Array>,
  key: string,
): AsyncGenerator<readonly string[], void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const piece of text) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > limits.manifestLineSizeBytesMax) throw corrupt(key, 'a line is too long')
      yield lines
    }
  } catch (error) {
    throw inPack(key, error)
  }
  if (rest !== '') yield [rest]
}

const corrupt = (key: string, why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `${key}: ${why}`, {
    hint: 'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.',
  })
