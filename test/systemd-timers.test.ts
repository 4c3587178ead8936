/** The same strategy without an agent: services and timers under a real systemd. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serverUser } from './support/postgres-binaries.ts'
import { systemdMissing } from './support/systemd-host.ts'
import { openSystemdLab, type SystemdLab } from './support/systemd-lab.ts'
import { until } from './support/until.ts'

const missing = await systemdMissing()
if (missing !== undefined) console.log(`timers are not tried under a real systemd: ${missing}`)

const service = 'holdfast-lab-backup.service'
const timer = 'holdfast-lab-backup.timer'

describe.runIf(missing === undefined)('timers, under a real systemd,', () => {
  let scene: SystemdLab
  beforeAll(async () => {
    scene = await openSystemdLab()
  })
  afterAll(() => scene[Symbol.asyncDispose]())

  const inRoot = (name: string): string => join(scene.lab.server.root, name)
  const count = (repository: string): number => readdirSync(inRoot(`${repository}/lab/backups`)).length
  const state = (): Promise<string> => scene.shown('ActiveState', service)

  test('start jobs when they are due, and the copies are kept up to date', async () => {
    const { host, change, install, json, shown, lab } = scene
    await install('--timers', '--user', serverUser().name)
    await lab.backup()
    await change(timer, ['[Timer]', 'OnCalendar=', 'OnCalendar=*:*:0/3'])
    const before = count('repository')
    await host.ok('systemctl', ['enable', '--now', timer, 'holdfast-lab-copies.service'])
    await until('it has run', () => count('repository') > before + 1)
    await host.ok('systemctl', ['disable', '--now', timer])
    await until('the last one has ended', async () => ['inactive', 'failed'].includes(await state()))
    expect(await shown('Result', service)).toBe('success')
    await until('the copy has them', () => count('second') === count('repository'))
    const entries = await json<readonly { readonly who: { readonly by: string; readonly job: string } }[]>(
      ...['audit', 'list', '--verb', 'backup', '--last', '1'],
    )
    expect(entries[0]?.who).toMatchObject({ by: 'timer', job: 'backup' })
  })

  test('what failed is tried again as often as it is stated, and no more', async () => {
    const { host, configure, install, journal } = scene
    configure({ backup: { at: 'yearly', attempts: 2, pause: '1s' } })
    await install('--timers', '--user', serverUser().name)
    await host.ok('systemctl', ['reset-failed'])
    await host.ok('mv', [inRoot('repository'), inRoot('repository-away')])
    try {
      await host.run('systemctl', ['start', service])
      await until('it is given up', async () => (await state()) === 'failed')
      expect((await journal(service)).match(/there is no folder/g)).toHaveLength(2)
    } finally {
      await host.ok('mv', [inRoot('repository-away'), inRoot('repository')])
    }
    await host.ok('systemctl', ['reset-failed', service])
    await host.ok('systemctl', ['start', service])
  })
})
