import { describe, expect, test } from 'vitest'
import { minute, second } from '../../base/units.ts'
import { forecastRto, type PastPhase, type PastRestore } from './forecast-rto.ts'

const GB = 1e9

describe('the forecast of an RTO', () => {
  test('scales each phase by what it goes through', () => {
    const forecast = forecastRto([drill(1)], { rawBytes: 100 * GB })
    expect(forecast?.sizes).toEqual({ rawBytes: 100 * GB, storedBytes: 25 * GB, walBytes: 10 * GB })
    // Of 60 s with two workers, 80 s of processor time are 40 s of decompression; the other 20 s were download.
    expect(forecast?.phases.map(({ name, expectedMs }) => [name, expectedMs])).toEqual([
      ['provisioning', 2 * second],
      ['download', 200 * second],
      ['decompression', 400 * second],
      ['replay', 300 * second],
      ['checks', 500 * second],
    ])
    expect(forecast?.expectedMs).toBe(1402 * second)
    expect(forecast?.beyond).toBe(10)
  })

  test('says so when download and decompression were not told apart', () => {
    const past = drill(1, { phases: phases({ restore: 60, cpu: null }) })
    expect(forecastRto([past, drill(2)], { rawBytes: 10 * GB })?.phases.map(({ name }) => name)).toEqual([
      'provisioning',
      'restore',
      'replay',
      'checks',
    ])
  })

  test('takes sizes that are known as they are', () => {
    const forecast = forecastRto([drill(1)], { rawBytes: 10 * GB, storedBytes: 5 * GB, walBytes: 0 })
    expect(forecast?.phases).toMatchObject([
      { name: 'provisioning' },
      { name: 'download', expectedMs: 40 * second, bytes: 5 * GB },
      { name: 'decompression', expectedMs: 40 * second },
      { name: 'replay', expectedMs: 0 },
      { name: 'checks' },
    ])
  })

  test('takes the rate of the last five together, and the slowest of them', () => {
    const history = [
      drill(1, { phases: phases({ checks: 5000 }) }),
      ...[2, 3, 4, 5].map(month => drill(month)),
      drill(6, { phases: phases({ checks: 100 }) }),
    ]
    const checks = forecastRto(history, { rawBytes: 10 * GB })?.phases.find(({ name }) => name === 'checks')
    expect(checks).toMatchObject({ expectedMs: 60 * second, slowestMs: 100 * second })
  })

  test('stands on drills of the same kind that came as far as their questions', () => {
    const cutOff = drill(2, { phases: phases({}).slice(0, 2) })
    const nothing = drill(3, { source: { kind: null } })
    const dump = drill(4, { source: { kind: 'dump' } })
    const incremental = drill(5, { source: { kind: 'incremental' } })
    const history = [incremental, cutOff, nothing, dump, drill(1)]
    expect(forecastRto(history, { rawBytes: GB })?.basis).toEqual([drill(1), incremental])
    expect(forecastRto(history, { rawBytes: GB }, 'dump')?.basis).toEqual([dump])
    expect(forecastRto(history, { rawBytes: GB }, 'snapshot')).toBeUndefined()
    expect(forecastRto([], { rawBytes: GB })).toBeUndefined()
  })

  test('a replay of nothing costs what it cost', () => {
    const past = drill(1, { sizes: { rawBytes: 10 * GB, storedBytes: GB, walBytes: 0 } })
    const replay = forecastRto([past], { rawBytes: 100 * GB })?.phases.find(({ name }) => name === 'replay')
    expect(replay).toMatchObject({ expectedMs: 30 * second, bytes: 0 })
  })

  test('more processor time than the workers could have taken is all of the restore', () => {
    const past = drill(1, { phases: phases({ restore: 60, cpu: 500 }) })
    expect(forecastRto([past], { rawBytes: 10 * GB })?.phases).toMatchObject([
      {},
      { name: 'download', expectedMs: 0 },
      { name: 'decompression', expectedMs: minute },
      {},
      {},
    ])
  })
})

/** 10 GB, of which 2.5 GB are stored, and 1 GB of WAL. */
function drill(month: number, more: Partial<PastRestore> = {}): PastRestore {
  return {
    id: `20260${String(month)}02T040000Z-drill`,
    startedAt: `2026-0${String(month)}-02T04:00:00Z`,
    source: { kind: 'full' },
    phases: phases({}),
    sizes: { rawBytes: 10 * GB, storedBytes: 2.5 * GB, walBytes: GB },
    workers: 2,
    ...more,
  }
}

function phases({
  restore = 60,
  cpu = 80,
  checks = 50,
}: {
  restore?: number
  cpu?: number | null
  checks?: number
}): readonly PastPhase[] {
  return [
    { name: 'provisioning', durationMs: 2 * second, cpuMs: null },
    { name: 'restore', durationMs: restore * second, cpuMs: cpu === null ? null : cpu * second },
    { name: 'replay', durationMs: 30 * second, cpuMs: null },
    { name: 'checks', durationMs: checks * second, cpuMs: null },
    { name: 'removal', durationMs: second, cpuMs: null },
  ]
}
