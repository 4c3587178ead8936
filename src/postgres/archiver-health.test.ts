import { describe, expect, test } from 'vitest'
import { hour, minute } from '../base/units.ts'
import type { ArchiverFacts } from './archiver-facts.ts'
import { judgeArchiver, type ArchiverSituation } from './archiver-health.ts'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const good: ArchiverFacts = {
  mode: 'on',
  command: 'holdfast wal push %p',
  library: '',
  timeoutMs: 60_000,
  archivedCount: 10,
  lastArchivedWal: '000000010000000000000009',
  lastArchivedMs: nowMs - minute,
  failedCount: 0,
  lastFailedWal: undefined,
  lastFailedMs: undefined,
  lastError: undefined,
  isRunning: true,
  ready: { count: 0, oldestWal: undefined, oldestMs: undefined },
  walDirectoryBytes: 0,
}
const situation = (
  archiver: Partial<ArchiverFacts>,
  more: Partial<ArchiverSituation> = {},
): ArchiverSituation => ({
  archiver: { ...good, ...archiver },
  inRecovery: false,
  walLevel: 'replica',
  nowMs,
  ...more,
})

describe('the archiver is judged', () => {
  test.each<[string, Partial<ArchiverFacts>]>([
    ['our command', {}],
    [
      'our command by a path and with options',
      { command: '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal push "%p"' },
    ],
    ['a failure before the last success', { failedCount: 3, lastFailedMs: nowMs - hour, lastFailedWal: 'x' }],
    ['a file that became ready just now', { ready: { count: 1, oldestWal: 'x', oldestMs: nowMs - 1000 } }],
    ['a quiet server that archived nothing for a day', { lastArchivedMs: nowMs - 24 * hour }],
    ['a role that may not look into archive_status', { ready: undefined, isRunning: undefined }],
    [
      'an archiver that is just being started',
      { isRunning: false, ready: { count: 1, oldestWal: 'x', oldestMs: nowMs - 100 } },
    ],
    ['no archiver and nothing to do', { isRunning: false }],
  ])('healthy: %s', (_, archiver) => {
    expect(judgeArchiver(situation(archiver)).verdict).toBe('healthy')
  })

  test.each<[string, Partial<ArchiverFacts>, RegExp, RegExp]>([
    ['off', { mode: 'off', command: '' }, /archive_mode is off/, /restart the server/],
    ['no-command', { command: '' }, /piles up/, /archive_command = 'holdfast wal push %p'.*reload/],
    ['command-without-path', { command: 'holdfast wal push' }, /does not name the file/, /%p/],
    [
      'failed',
      {
        failedCount: 7,
        lastFailedWal: '00000001000000000000000A',
        lastFailedMs: nowMs,
        ready: { count: 32_699, oldestWal: 'x', oldestMs: nowMs - hour },
      },
      /7 failures, the last for 00000001000000000000000A .*1m 00s ago; 32699 files wait/,
      /server’s log/,
    ],
    [
      'failed',
      { archivedCount: 0, lastArchivedMs: undefined, failedCount: 1, lastFailedMs: nowMs },
      /nothing was ever archived/,
      /log/,
    ],
    [
      'ended',
      { isRunning: false, ready: { count: 1, oldestWal: 'x', oldestMs: nowMs - 10_000 } },
      /has ended, as it does when its command can not be run; 1 file waits/,
      /not found.*The command is: /,
    ],
    [
      'stalled',
      {
        lastArchivedMs: nowMs - hour,
        ready: { count: 2, oldestWal: '00000001000000000000000A', oldestMs: nowMs - hour },
      },
      /stands still: 00000001000000000000000A .*2 files wait/,
      /hangs/,
    ],
  ])('failing, %s: the message and the hint name the cause', (problem, archiver, message, hint) => {
    const health = judgeArchiver(situation(archiver))
    expect(health).toMatchObject({ verdict: 'failing', problem })
    if (health.verdict !== 'failing') return
    expect(health.message).toMatch(message)
    expect(health.hint).toMatch(hint)
  })

  test('the last words of the command are told', () => {
    const health = judgeArchiver(situation({ failedCount: 1, lastFailedMs: nowMs, lastError: 'no space' }))
    expect(health).toMatchObject({ message: expect.stringContaining('it said: no space') as string })
  })

  test('a foreign command or module is doubtful, since it may hand the WAL on', () => {
    expect(judgeArchiver(situation({ command: 'cp %p /archive/%f' }))).toMatchObject({
      verdict: 'doubtful',
      problem: 'foreign-command',
    })
    expect(judgeArchiver(situation({ command: '', library: 'basic_archive' }))).toMatchObject({
      verdict: 'doubtful',
      problem: 'foreign-command',
    })
  })

  test('a long queue that moves is doubtful', () => {
    const ready = { count: 500, oldestWal: 'x', oldestMs: nowMs - hour }
    expect(judgeArchiver(situation({ ready, lastArchivedMs: nowMs }))).toMatchObject({
      verdict: 'doubtful',
      problem: 'behind',
    })
  })

  test('a server with wal_level minimal is told to raise it', () => {
    expect(judgeArchiver(situation({ mode: 'off' }, { walLevel: 'minimal' }))).toMatchObject({
      hint: expect.stringContaining('wal_level = replica') as string,
    })
  })

  test('a standby does not archive unless archive_mode is always', () => {
    expect(judgeArchiver(situation({ mode: 'on' }, { inRecovery: true })).verdict).toBe('standby')
    expect(judgeArchiver(situation({ mode: 'always' }, { inRecovery: true })).verdict).toBe('healthy')
  })
})
