/**
 * Whether every page has the right checksum: of the stopped server's files, read past the server, so that pages which no query
 * touches are seen as well. In an order by chance, as far as the time goes.
 */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import { shuffled } from '../../../base/seeded-random.ts'
import { formatBytes, formatCount } from '../../../base/units.ts'
import { createPageChecker, type PageChecker } from '../../../pipeline/page-checksum.ts'
import { readControlFile } from '../../../postgres/control-file.ts'
import {
  firstBlockOf,
  isRelationDirectory,
  parseRelationFileName,
} from '../../../postgres/data-directory/relation-file.ts'
import { failed, notAsked, ok, type Answer } from '../checklist.ts'
import type { Asking } from './asking.ts'

export async function askPageChecksums(
  dataDirectory: string,
  { clock, random, questionMs }: Pick<Asking, 'clock' | 'random' | 'questionMs'>,
  signal: AbortSignal,
): Promise<Answer> {
  const { control } = await readControlFile(dataDirectory)
  if (!control.dataChecksums) return notAsked('the cluster has no page checksums (initdb --data-checksums)')
  const endMs = clock.monotonicMs() + questionMs
  const files = shuffled(await relationFiles(dataDirectory), random)
  const checker = createPageChecker({ count: 1, sizeBytes: limits.frameSizeBytesMax })
  const wrong: string[] = []
  let [reached, bytes] = [0, 0]
  for (const path of files) {
    signal.throwIfAborted()
    if (clock.monotonicMs() >= endMs) break
    const found = await checkFile(dataDirectory, path, control, checker)
    bytes += found.bytes
    wrong.push(...found.blocks.map(block => `${path}: block ${String(block)}`))
    reached++
  }
  const evidence = `${formatBytes(bytes)} in ${formatCount(reached)} of ${formatCount(files.length)} files${reached < files.length ? ', taken by chance, as far as the time went' : ''}`
  if (wrong.length === 0) return ok(evidence)
  return failed(`${String(wrong.length)} pages fail their checksum`, [...wrong, evidence])
}

interface Shape {
  readonly blockSizeBytes: number
  readonly relationSegmentBlocks: number
}

/** The tail of a file that is no whole page is one that was never written. */
async function checkFile(
  dataDirectory: string,
  path: string,
  { blockSizeBytes, relationSegmentBlocks }: Shape,
  checker: PageChecker,
): Promise<{ readonly bytes: number; readonly blocks: readonly number[] }> {
  const file = parseRelationFileName(path.slice(path.lastIndexOf('/') + 1))
  const [buffer] = checker.buffers
  if (!file || !buffer) throw new Error('assertion failed: it is a file of a relation')
  const first = firstBlockOf(file, relationSegmentBlocks)
  const blocks: number[] = []
  const handle = await open(join(dataDirectory, path), 'r')
  try {
    for (let at = 0; ;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
      const whole = bytesRead - (bytesRead % blockSizeBytes)
      if (whole === 0) return { bytes: at, blocks }
      const begin = first + at / blockSizeBytes
      blocks.push(
        ...checker.failures(buffer.subarray(0, whole), blockSizeBytes, begin).map(index => begin + index),
      )
      at += whole
    }
  } finally {
    await handle.close()
  }
}

/** Relative to the data directory. */
async function relationFiles(dataDirectory: string): Promise<readonly string[]> {
  const files: string[] = []
  const walk = async (path: string, depth: number): Promise<void> => {
    for (const name of await namesIn(join(dataDirectory, path))) {
      const inner = path === '' ? name : `${path}/${name}`
      if (isRelationDirectory(path)) {
        if (parseRelationFileName(name)) files.push(inner)
      } else if (
        depth < 4 &&
        /^(global|base|pg_tblspc)(\/|$)/.test(inner) &&
        (await isFolder(join(dataDirectory, inner)))
      )
        await walk(inner, depth + 1)
    }
  }
  await walk('', 0)
  return files
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Tablespaces are links. */
const isFolder = async (path: string): Promise<boolean> => (await stat(path)).isDirectory()
