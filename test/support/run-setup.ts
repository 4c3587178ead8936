/**
 * What the tests of a run share, made once before the first of them: the built program, a place for the folders of
 * servers, and in it clusters to be copied (postgres-cluster.ts). The processes of the tests are told by their environment.
 */
import { execFileSync, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { GiB, KiB } from '../../src/base/units.ts'
import { buildProgram, launcher, programUnderTest } from './holdfast.ts'
import { serverUser } from './postgres-binaries.ts'
import { clusterTemplates } from './postgres-cluster.ts'
import { makeOwned, startWatchdog } from './postgres-server.ts'
import { serverFolder } from './server-folder.ts'

let place: string | undefined
let watchdog: ChildProcess | undefined

export function setup(project: TestProject): void {
  const isOurs = process.env[programUnderTest] === undefined
  process.env[programUnderTest] = launcher()
  // While somebody watches and changes the sources.
  if (isOurs) project.onTestsRerun(buildProgram)
  place = placeInMemory() ?? makePlace(tmpdir())
  process.env[serverFolder] ??= place
  const clusters = join(place, 'clusters')
  watchdog = startWatchdog(clusters, place)
  makeOwned(clusters)
  process.env[clusterTemplates] = clusters
}

export function teardown(): void {
  if (place !== undefined) rmSync(place, { recursive: true, force: true, maxRetries: 20 })
  watchdog?.kill('SIGKILL')
}

/**
 * Thousands of files are made, synced and removed, which on a disk is a good part of all the time; and what a power cut
 * would leave of them is not what these tests can see. Undefined where memory is scarce, or programs may not run from there.
 */
function placeInMemory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize < 8 * GiB || memoryAvailableBytes() < 12 * GiB) return undefined
    const made = makePlace('/dev/shm')
    if (runsPrograms(made)) return made
    rmSync(made, { recursive: true })
  } catch {
    // There is no such folder, or not for us.
  }
  return undefined
}

function makePlace(folder: string): string {
  const made = mkdtempSync(join(folder, 'hf-'))
  chmodSync(made, 0o755)
  return made
}

function memoryAvailableBytes(): number {
  const [, kib] = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
  return Number(kib ?? 0) * KiB
}

function runsPrograms(folder: string): boolean {
  const program = join(folder, 'program')
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 })
  const { uid, gid } = serverUser()
  try {
    execFileSync(program, { uid, gid, cwd: '/', stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
