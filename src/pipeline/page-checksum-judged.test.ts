/** The kernel and PostgreSQL's own pg_checksums have to say the same of real pages. */
import { execFile } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startServer } from '../../test/support/postgres-server.ts'
import { findClientTool, requireTool } from '../../test/support/tools.ts'
import { createPageChecker } from './page-checksum.ts'

const blockSizeBytes = 8192
const checker = createPageChecker({ count: 1, sizeBytes: 4 * 1024 * 1024 })

/** Blocks that fail, as `path:block`, of all relation files of a stopped server. */
function failingBlocks(dataDirectory: string): string[] {
  return ['global', ...readdirSync(join(dataDirectory, 'base')).map(name => `base/${name}`)].flatMap(
    directory =>
      readdirSync(join(dataDirectory, directory))
        .filter(name => /^\d+(_(fsm|vm|init))?$/.test(name))
        .flatMap(name => {
          const bytes = readFileSync(join(dataDirectory, directory, name))
          const pages = checker.buffers[0]!.subarray(0, bytes.length)
          pages.set(bytes)
          return checker
            .failures(pages, blockSizeBytes, 0)
            .map(block => `${directory}/${name}:${String(block)}`)
        }),
  )
}

function judgedBlocks(program: string, dataDirectory: string): Promise<string[]> {
  return new Promise(resolve => {
    execFile(program, ['--check', '-D', dataDirectory], { uid: 0 }, (_, __, stderr) => {
      const found = [...stderr.matchAll(/file "([^"]+)", block (\d+)/g)]
      resolve(found.map(([, path = '', block = '']) => `${path.slice(dataDirectory.length + 1)}:${block}`))
    })
  })
}

const pgChecksums = findClientTool('pg_checksums', 15)

test.skipIf(pgChecksums.path === undefined)(
  'pages of a real server are right, and damaged ones are those that pg_checksums names',
  async () => {
    await using server = await startServer({ major: 15, build: 'debian' })
    await server.query(
      'CREATE TABLE many AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i; CREATE INDEX ON many (i)',
    )
    await server.query('VACUUM many')
    const path = await server.value("SELECT pg_relation_filepath('many')")
    await server.stop('fast')
    expect(failingBlocks(server.dataDirectory)).toEqual([])

    const fd = openSync(join(server.dataDirectory, path), 'r+')
    for (const block of [3, 17]) {
      const byte = Buffer.alloc(1)
      const at = block * blockSizeBytes + 5000 + block
      readSync(fd, byte, 0, 1, at)
      writeSync(fd, Buffer.of((byte[0] ?? 0) ^ 4), 0, 1, at)
    }
    closeSync(fd)
    const judged = await judgedBlocks(requireTool(pgChecksums), server.dataDirectory)
    expect(judged).toHaveLength(2)
    expect(failingBlocks(server.dataDirectory).toSorted()).toEqual(judged.toSorted())
  },
)
