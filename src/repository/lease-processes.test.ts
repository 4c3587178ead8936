/** Leases between real processes, over a repository in a folder. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isFault } from '../base/fault.ts'
import { systemWorld } from '../base/world.ts'
import { openFsStorage } from '../storage/drivers/fs.ts'
import { acquireLease, leaseOwner } from './lease.ts'
import type { Repository } from './repository.ts'

const signal = new AbortController().signal
const folder = await mkdtemp(join(tmpdir(), 'holdfast-lease-'))
afterAll(() => rm(folder, { recursive: true }))
const identity = { cluster: 'lab', systemIdentifier: '1', postgresMajor: 15, walSegmentSizeBytes: 1 << 24 }

/** Tries to take the lease, says how it went, and keeps it until it is told to end. */
const contender = `
  const at = path => import(new URL(path, ${JSON.stringify(import.meta.url)}))
  const [{ acquireLease, leaseOwner }, { openFsStorage }, { systemWorld }] =
    await Promise.all([at('./lease.ts'), at('../storage/drivers/fs.ts'), at('../base/world.ts')])
  const storage = await openFsStorage(${JSON.stringify(folder)})
  const repository = { storage, id: 'x', identity: ${JSON.stringify(identity)} }
  const ended = new Promise(resolve => process.stdin.on('end', resolve).resume())
  try {
    await using lease = await acquireLease(repository, 'backup', await leaseOwner('a race'), systemWorld(), new AbortController().signal)
    console.log('won')
    await ended
  } catch (error) {
    console.log(error.code)
  }`

function start(): { child: ChildProcess; said: Promise<string> } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', contender], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const said = once(child.stdout, 'data').then(([data]) => String(data).trim())
  return { child, said }
}

test('of many processes one wins; killed, it is followed at once; done, it is followed at once', async () => {
  const contenders = Array.from({ length: 5 }, start)
  const answers = await Promise.all(contenders.map(({ said }) => said))
  expect(answers.filter(answer => answer === 'won')).toHaveLength(1)
  expect(answers.filter(answer => answer === 'REPOSITORY_LOCKED')).toHaveLength(4)

  const repository: Repository = { storage: await openFsStorage(folder), id: 'x', identity }
  const world = systemWorld()
  const owner = await leaseOwner()
  const winner = contenders[answers.indexOf('won')]?.child
  await expect(acquireLease(repository, 'backup', owner, world, signal)).rejects.toSatisfy(
    error =>
      isFault(error, 'REPOSITORY_LOCKED') && error.message.includes(`process ${String(winner?.pid)} on`),
  )
  winner?.kill('SIGKILL')
  if (winner) await once(winner, 'exit')
  const lease = await acquireLease(repository, 'backup', owner, world, signal)
  await lease[Symbol.asyncDispose]()

  const next = start()
  expect(await next.said).toBe('won')
  next.child.stdin?.end()
  await once(next.child, 'exit')
  const last = await acquireLease(repository, 'backup', owner, world, signal)
  await last[Symbol.asyncDispose]()
  for (const { child } of contenders) child.stdin?.end()
})
