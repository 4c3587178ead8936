import { describe, expect, test } from 'vitest'
import { recoveryFiles, type RecoverySettings, type RecoveryStop } from './recovery-settings.ts'

const settings: RecoverySettings = {
  target: { kind: 'latest' },
  timeline: 'latest',
  action: 'promote',
  restoreCommand: 'holdfast --config \'/a b\' wal get %f "%p"',
  archiving: false,
  standby: undefined,
}
const linesOf = (change: Partial<RecoverySettings>, existing = ''): string[] =>
  recoveryFiles(existing, { ...settings, ...change }, 'backup x').autoConf.split('\n')

describe('recovery settings', () => {
  test.each<[string, RecoveryStop, string[]]>([
    ['the end of the WAL', { kind: 'latest' }, []],
    ['the end of the backup', { kind: 'immediate' }, ["recovery_target = 'immediate'"]],
    [
      'a time',
      { kind: 'time', time: Date.parse('2026-03-01T02:00:00Z') * 1000 + 123_456, inclusive: true },
      ["recovery_target_inclusive = 'on'", "recovery_target_time = '2026-03-01 02:00:00.123456+00:00'"],
    ],
    [
      'just before an LSN',
      { kind: 'lsn', lsn: 0x16_b374d848n, inclusive: false },
      ["recovery_target_inclusive = 'off'", "recovery_target_lsn = '16/B374D848'"],
    ],
    [
      'a transaction, by its low 32 bits',
      { kind: 'xid', xid: 0x2_0000_0005n, inclusive: true },
      ["recovery_target_xid = '5'"],
    ],
    ['a restore point', { kind: 'name', name: "it's" }, ["recovery_target_name = 'it''s'"]],
  ])('name %s as the target, after emptying the other kinds', (_, target, expected) => {
    const lines = linesOf({ target })
    expect(lines).toEqual(expect.arrayContaining(expected))
    const kinds = lines.filter(line => /^recovery_target(_(name|time|xid|lsn))? =/.test(line))
    expect(kinds).toHaveLength(5)
    expect(kinds.slice(0, 4).every(line => line.endsWith("= ''"))).toBe(true)
    expect(kinds[4]?.endsWith("= ''")).toBe(target.kind === 'latest')
  })

  test('quote the command, turn archiving off, and keep what was there', () => {
    const lines = linesOf({}, "work_mem = '1GB'")
    expect(lines[0]).toBe("work_mem = '1GB'")
    expect(lines).toContain("restore_command = 'holdfast --config ''/a b'' wal get %f \"%p\"'")
    expect(lines).toContain("archive_mode = 'off'")
    expect(linesOf({ archiving: true }).join()).not.toContain('archive_mode')
  })

  test('replace the blocks of earlier restores', () => {
    const once = recoveryFiles("a = '1'\n", settings, 'first').autoConf
    const twice = recoveryFiles(`${once}b = '2'\n`, { ...settings, timeline: 3 }, 'second').autoConf
    expect(twice).toContain("a = '1'\nb = '2'\n")
    expect(twice).toContain('second')
    expect(twice).not.toContain('first')
    expect(twice.match(/recovery_target_timeline/g)).toHaveLength(1)
  })

  test('a primary does not wait, nor clean the archive of a standby; a standby follows its primary', () => {
    expect(linesOf({})).toEqual(
      expect.arrayContaining(["recovery_min_apply_delay = '0'", "archive_cleanup_command = ''"]),
    )
    const standby = { primaryConninfo: 'host=primary', primarySlotName: undefined }
    const files = recoveryFiles('', { ...settings, standby }, '')
    expect(files).toMatchObject({ signal: 'standby.signal', otherSignal: 'recovery.signal' })
    expect(files.autoConf).toContain("primary_conninfo = 'host=primary'")
    expect(files.autoConf).not.toContain('recovery_min_apply_delay')
    expect(recoveryFiles('', settings, '').signal).toBe('recovery.signal')
  })
})
