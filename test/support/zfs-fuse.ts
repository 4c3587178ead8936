/** The daemon of zfs-fuse: one for a lab. It must not be ended while anything is mounted. */
import { spawn } from 'node:child_process'
import type { SnapshotLab } from '../contract/snapshot-contract.ts'
import { system } from './loop-file-systems.ts'
import { until } from './until.ts'

export async function withZfs(open: () => SnapshotLab): Promise<SnapshotLab> {
  const daemon = spawn('/usr/sbin/zfs-fuse', ['--no-daemon', '--no-kstat-mount'], { stdio: 'ignore' })
  const ended = new Promise<void>(resolve =>
    daemon.once('exit', () => {
      resolve()
    }),
  )
  const stop = async (): Promise<void> => {
    daemon.kill('SIGTERM')
    await ended
  }
  try {
    await until('zfs-fuse answers', () => Promise.resolve(answers()))
    const lab = open()
    return {
      ...lab,
      async [Symbol.asyncDispose]() {
        await lab[Symbol.asyncDispose]()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function answers(): boolean {
  try {
    system('zpool', ['list'])
    return true
  } catch {
    return false
  }
}
