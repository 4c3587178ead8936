#!/usr/bin/env node
/**
 * A program for `snapshots.provider: command`, as an example: volumes are mount points on XFS or btrfs, and a snapshot is a
 * copy that shares its blocks. The contract is in docs/snapshots.md. Its one argument names a volume that fails, for tests.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const missing = 3
const [failing, verb] = process.argv.slice(2)
const request = JSON.parse(readFileSync(0, 'utf8'))

/** Snapshots are told apart by a small file beside each; this folder would be the storage's own list. */
const list = `/var/tmp/holdfast-example-snapshots-${process.getuid()}`
const entries = () =>
  existsSync(list)
    ? readdirSync(list).flatMap(name => {
        try {
          return [JSON.parse(readFileSync(join(list, name), 'utf8'))]
        } catch (error) {
          // Somebody else removes his own.
          if (error.code === 'ENOENT') return []
          throw error
        }
      })
    : []
const nameOf = entry =>
  `${entry.cluster}.${entry.systemIdentifier}.${entry.repository}.${entry.id}.${entry.volume}.json`

function copy(from, to, clone) {
  mkdirSync(dirname(to), { recursive: true })
  const { status, stderr } = spawnSync('cp', ['-a', `--reflink=${clone}`, from, to], {
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'utf8',
  })
  // A server removes files while it is copied; the log brings that about again.
  const failures = stderr
    .split('\n')
    .filter(line => line !== '' && !line.endsWith(': No such file or directory'))
  if (status !== 0 && (failures.length > 0 || !existsSync(to))) throw new Error(stderr)
}

const verbs = {
  create({ cluster, systemIdentifier, repository, id, volumes, last }) {
    mkdirSync(list, { recursive: true })
    const inOrder = volumes.toSorted((a, b) => Number(a.name === last) - Number(b.name === last))
    return {
      snapshots: inOrder.map(({ name, mountPath }) => {
        if (name === failing) throw new Error(`the volume ${name} fails`)
        const reference = join(mountPath, '.example-snapshots', `${repository}-${id}`)
        mkdirSync(reference, { recursive: true })
        for (const part of readdirSync(mountPath))
          if (part !== '.example-snapshots' && part !== 'restored')
            copy(join(mountPath, part), join(reference, part), 'always')
        const entry = { cluster, systemIdentifier, repository, id, volume: name, reference }
        writeFileSync(join(list, nameOf(entry)), JSON.stringify(entry))
        return entry
      }),
    }
  },
  list: ({ cluster, systemIdentifier }) => ({
    snapshots: entries().filter(
      entry => entry.cluster === cluster && entry.systemIdentifier === systemIdentifier,
    ),
  }),
  describe({ reference }) {
    if (!existsSync(reference)) process.exit(missing)
    return { state: 'ready' }
  },
  restore({ reference, inside, to }) {
    copy(join(reference, inside), to, 'auto')
    return { what: `a copy of ${reference}` }
  },
  discard({ to }) {
    rmSync(to, { recursive: true, force: true })
    return {}
  },
  remove({ reference }) {
    const entry = entries().find(one => one.reference === reference)
    rmSync(reference, { recursive: true, force: true })
    if (!entry) process.exit(missing)
    rmSync(join(list, nameOf(entry)))
    return {}
  },
}

try {
  process.stdout.write(`${JSON.stringify(verbs[verb](request))}\n`)
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
