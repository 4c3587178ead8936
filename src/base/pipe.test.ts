import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openPipe } from './pipe.ts'

test('what one program writes, another one reads to its end, and nothing is left in the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pipe-'))
  try {
    const pipe = await openPipe(folder, 'rows')
    const reader = spawn('sha256sum', [], { stdio: [pipe.read.fd, 'pipe', 'inherit'] })
    const writer = spawn('head', ['-c', '3000000', '/dev/zero'], {
      stdio: ['ignore', pipe.write.fd, 'inherit'],
    })
    await Promise.all([pipe.read.close(), pipe.write.close()])
    const said = reader.stdout?.setEncoding('utf8').toArray()
    expect(await Promise.all([once(reader, 'close'), once(writer, 'close')])).toEqual([
      [0, null],
      [0, null],
    ])
    const sum = createHash('sha256').update(Buffer.alloc(3_000_000)).digest('hex')
    expect(((await said) ?? []).join('')).toContain(sum)
    expect(await readdir(folder)).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})
