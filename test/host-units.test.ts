/** What is printed for systemd and cron is judged by systemd's own program, and by the shell. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cronLinesOf } from '../src/schedule/cron-lines.ts'
import { onCalendarOf } from '../src/schedule/on-calendar.ts'
import { parseSchedule } from '../src/schedule/parse-schedule.ts'
import { nextRun } from '../src/schedule/schedule.ts'
import { zoneOf } from '../src/schedule/time-zone.ts'
import { describeRun, jsonOf, startHoldfast, type Run } from './support/holdfast.ts'

const systemd = spawnSync('systemd-analyze', ['--version'])
const hasSystemd = systemd.status === 0
if (!hasSystemd) console.log('not judged by systemd: systemd-analyze is not installed')

let folder: string
let config: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hf-units-'))
  execFileSync('chmod', ['755', folder])
  config = join(folder, 'holdfast.yaml')
  writeFileSync(
    config,
    `cluster: shop
postgres: { connection: postgresql:///postgres }
repositories:
  main: { url: file:///srv/backups, encryption: none }
  second: { url: file:///srv/second, encryption: none, copy_of: main }
agent: { time_zone: Europe/Berlin }
drills: { scratch: /srv/drills }
jobs:
  backup: daily at 02:00
  dump: { at: first monday of the month at 04:00, run: 'dump shop --label "50% $HOME"', window: 22:00-06:00 }
  verify: every 15 minutes
`,
  )
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

async function ok(...args: readonly string[]): Promise<Run> {
  const run = await startHoldfast(['--config', config, ...args]).ended
  expect(run.status, describeRun(run)).toBe(0)
  return run
}

/** systemd prints what it understood, and complaints on standard error; status 0 alone is not enough. */
function verify(files: readonly string[]): string {
  const run = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' })
  const complaints = run.stderr.split('\n').filter(line => line.includes('holdfast-'))
  return complaints.join('\n')
}

describe('policy systemd', () => {
  test.runIf(hasSystemd)("prints the agent's unit, which systemd accepts", async () => {
    const { out } = await ok('policy', 'systemd', '--user', 'root')
    const path = join(folder, 'holdfast-shop.service')
    writeFileSync(path, out)
    expect(verify([path])).toBe('')
    for (const line of [
      'Type=notify',
      'WatchdogSec=3min',
      'ProtectSystem=strict',
      'ReadWritePaths=-/srv/backups',
      'ReadWritePaths=-/srv/drills',
    ])
      expect(out).toContain(line)
  })

  test.runIf(hasSystemd)('prints a service and a timer for each job, which systemd accepts', async () => {
    const units = join(folder, 'units')
    execFileSync('mkdir', ['-m', '777', units])
    await ok('policy', 'systemd', '--timers', '--user', 'root', '--write', units)
    const names = readdirSync(units).toSorted()
    expect(names).toHaveLength(7)
    expect(verify(names.map(name => join(units, name)))).toBe('')
  })

  test('says which folders have to be there first', async () => {
    const { err } = await ok('policy', 'systemd')
    expect(err).toContain('make these folders for postgres before the unit is started')
    expect(err).toContain('/srv/backups, /srv/second, /srv/drills')
  })

  test.each([
    ['verify', 'every 15 minutes', 675],
    ['backup', 'daily at 02:00', 64_800],
  ])(
    'counts attempts of %s, which runs %s, for less long than until its next run',
    async (job, _, seconds) => {
      const files = jsonOf<readonly { path: string; text: string }[]>(
        await ok('policy', 'systemd', '--timers', '--json'),
      )
      const service = files.find(({ path }) => path.endsWith(`holdfast-shop-${job}.service`))
      expect(service?.text).toContain(`StartLimitIntervalSec=${String(seconds)}s\n`)
    },
  )

  const when = [
    'daily at 02:00',
    'every 15 minutes',
    'hourly at :20',
    'weekdays at 01:30 and 22:00',
    'first monday of the month at 04:00',
    'first and third monday of the month at 04:00',
    'last friday of january, april and july at 23:15',
    'last day of the month at 00:30',
    'day 15 of the month at 03:00',
    'yearly',
    '5,35 1-3 1-7 * 1',
    '0 4 */7 * 1',
  ]
  test.runIf(hasSystemd)('says times as systemd understands them', () => {
    for (const text of when) {
      const schedule = parseSchedule(text)
      for (const timeZone of ['UTC', 'Europe/Berlin']) {
        const ours: number[] = []
        for (let ms = Date.parse('2026-04-10T12:00Z'); ours.length < 4;)
          ours.push((ms = nextRun(schedule, zoneOf(timeZone), ms)))
        const theirs = onCalendarOf(schedule, timeZone).flatMap(calendar => elapses(calendar, 4))
        expect(
          [...new Set(theirs)].toSorted((a, b) => a - b).slice(0, 4),
          `${text}: ${String(onCalendarOf(schedule, timeZone))}`,
        ).toEqual(ours)
      }
    }
  })

  function elapses(calendar: string, count: number): readonly number[] {
    const args = [
      'calendar',
      `--iterations=${String(count)}`,
      '--base-time=2026-04-10 12:00:00 UTC',
      calendar,
    ]
    const out = execFileSync('systemd-analyze', args, {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    })
    const moments = [...out.matchAll(/(?:elapse|#\d+|UTC\)): \w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g)]
    return moments.map(([, date = '', time = '']) => Date.parse(`${date}T${time}Z`))
  }
})

describe('policy cron', () => {
  test('prints a file whose lines the shell understands', async () => {
    const { out } = await ok('policy', 'cron')
    const lines = out.split('\n').filter(line => /^[\d*]/.test(line))
    expect(lines).toHaveLength(4)
    for (const line of lines) {
      // What cron hands to the shell: from the seventh word on, percent signs unescaped.
      const command = line.split(' ').slice(6).join(' ').replaceAll('\\%', '%')
      expect(spawnSync('sh', ['-n', '-c', command]).status, command).toBe(0)
    }
    expect(out).toContain('CRON_TZ=Europe/Berlin')
    expect(out).toContain("--label '50\\% $HOME'")
  })

  test.each([
    ['daily at 02:00', ['0 2 * * *']],
    ['weekdays at 01:30 and 22:00', ['30 1 * * 1,2,3,4,5', '0 22 * * 1,2,3,4,5']],
    ['every 15 minutes', ['0,15,30,45 * * * *']],
    ['first monday of the month at 04:00', ['0 4 1-7 * *']],
    ['last day of the month at 00:30', ['30 0 28-31 * *']],
    ['5,35 1-3 1-7 * 1', ['5,35 1,2,3 1,2,3,4,5,6,7 * *', '5,35 1,2,3 * * 1']],
  ])('says %s in fields', (text, fields) => {
    expect(cronLinesOf(parseSchedule(text)).map(line => line.fields)).toEqual(fields)
  })

  test('tests in the shell what fields can not say', () => {
    const [line] = cronLinesOf(parseSchedule('last friday of the month at 04:00'))
    for (const [today, runs] of [
      ['2026-03-27', true],
      ['2026-03-26', false],
      ['2026-03-20', false],
    ] as const) {
      // `date` as if it were that day.
      const fake = `date() { if [ "$1" = -d ]; then command date -u -d "${today} $2" "$3"; else command date -u -d ${today} "$1"; fi; }`
      const script = `${fake}; ${line?.test.replaceAll('\\%', '%') ?? ''}echo runs`
      expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), today).toBe(runs ? 'runs\n' : '')
    }
  })
})
