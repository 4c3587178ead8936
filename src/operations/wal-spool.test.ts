import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeSpoolFolder } from './wal-spool.ts'

test('a spool is made where WAL is, and may be there already', async () => {
  const walFolder = await mkdtemp(join(tmpdir(), 'holdfast-spool-'))
  const folder = join(walFolder, 'holdfast-ahead', '0123')
  await makeSpoolFolder(folder)
  await makeSpoolFolder(folder)
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  await rm(walFolder, { recursive: true })
})

test('a helper whose data directory was removed ends, and does not look for it forever', async () => {
  const [before, gone] = [process.cwd(), await mkdtemp(join(tmpdir(), 'holdfast-spool-'))]
  try {
    process.chdir(gone)
    await rm(gone, { recursive: true })
    await expect(makeSpoolFolder('pg_wal/holdfast-ahead/0123')).rejects.toMatchObject({ code: 'ENOENT' })
  } finally {
    process.chdir(before)
  }
})
