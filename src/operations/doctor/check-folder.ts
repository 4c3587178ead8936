/** A repository in a folder: its room, its disk, its owner. */
import { stat, statfs } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Repository } from '../../repository/repository.ts'
import { checkSpace } from './check-storage.ts'
import { advice, ok, problem, type Finding } from './finding.ts'

export interface FolderSurroundings {
  readonly url: string
  readonly dataDirectory: string | undefined
}

export async function checkFolder(
  repository: Repository,
  { url, dataDirectory }: FolderSurroundings,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (!url.startsWith('file:')) return []
  const folder = fileURLToPath(url)
  const { bavail, bsize } = await statfs(folder)
  return [
    await checkSpace(repository, bavail * bsize, signal),
    ...(await besideTheData(folder, dataDirectory)),
  ]
}

async function besideTheData(folder: string, dataDirectory: string | undefined): Promise<readonly Finding[]> {
  const data = dataDirectory === undefined ? undefined : await stat(dataDirectory).catch(() => undefined)
  if (!data) return []
  const repository = await stat(folder)
  const found: Finding[] = []
  if (repository.uid !== data.uid) {
    found.push(
      problem(
        'storage',
        `${folder} belongs to user ${String(repository.uid)}, and PostgreSQL, which archives into it, runs as user ${String(data.uid)}`,
        `Give it to that user: chown -R ${String(data.uid)}:${String(data.gid)} ${folder}`,
      ),
    )
  }
  found.push(
    repository.dev === data.dev
      ? advice(
          'storage',
          `${folder} is on the same file system as the data: one disk takes both`,
          'Move the repository to another disk or host, or copy it elsewhere.',
        )
      : ok('storage', `${folder} is on another file system than the data`),
  )
  return found
}
