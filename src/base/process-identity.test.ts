import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { isProvablyDead, ownProcess } from './process-identity.ts'

describe('process identity', () => {
  test('this process is alive', async () => {
    const me = await ownProcess()
    expect(me.startTicks).toMatch(/^\d+$/)
    expect(await isProvablyDead(me)).toBe(false)
  })

  test('a process that ended is provably dead', async () => {
    const child = spawn('true')
    const pid = child.pid ?? 0
    await once(child, 'exit')
    expect(await isProvablyDead({ ...(await ownProcess()), pid })).toBe(true)
  })

  test('a pid that another process has now is provably dead', async () => {
    const me = await ownProcess()
    expect(await isProvablyDead({ ...me, startTicks: '1' })).toBe(true)
  })

  test('nothing is proven about another boot or another container', async () => {
    const me = await ownProcess()
    expect(await isProvablyDead({ ...me, pid: 999_999_999, bootId: 'other' })).toBe(false)
    expect(await isProvablyDead({ ...me, pid: 999_999_999, pidNamespace: '1' })).toBe(false)
  })
})
