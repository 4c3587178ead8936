import { describe, expect, test } from 'vitest'
import { metricCatalogue } from './catalogue.ts'
import { prometheusText } from './prometheus.ts'
import { sample, samplesIn, secondsOf } from './sample.ts'

const all = Object.entries(metricCatalogue)

describe('the catalogue of metrics', () => {
  test.each(all)('%s is named after its unit, and says what it is', (name, { unit, type, help }) => {
    expect(name).toMatch(/^holdfast_[a-z]+(_[a-z]+)*$/)
    const endings = { bytes: /_bytes$/, seconds: /_seconds$/, timestamp: /_timestamp_seconds$/ } as const
    for (const [known, ending] of Object.entries(endings)) {
      const isOfThisUnit = unit === known || (unit === 'timestamp' && known === 'seconds')
      expect(ending.test(name), known).toBe(isOfThisUnit)
    }
    expect(/_total$/.test(name)).toBe(type === 'counter')
    expect(help).toMatch(/^[A-Z].*\.$/)
  })

  test('no label is one that Prometheus gives itself', () => {
    const own = ['job', 'instance', 'cluster', 'le', 'quantile']
    expect(all.flatMap(([, { labels }]) => labels).filter(label => own.includes(label))).toEqual([])
  })

  test('no two have the same name in CloudWatch', () => {
    const names = all.flatMap(([, { cloudwatch }]) => cloudwatch ?? [])
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('samples', () => {
  test('tell nothing of what is not known', () => {
    expect(sample('holdfast_wal_gaps', { repository: 'main' }, undefined)).toEqual([])
    expect(sample('holdfast_wal_gaps', { repository: 'main' }, null)).toEqual([])
    expect(sample('holdfast_wal_gaps', { repository: 'main' }, Infinity)).toEqual([])
    expect(sample('holdfast_wal_gaps', { repository: 'main' }, 0)).toMatchObject([{ value: 0 }])
    expect(sample('holdfast_repository_reachable', { repository: 'main' }, true)).toMatchObject([
      { value: 1 },
    ])
    expect(secondsOf(null)).toBeUndefined()
    expect(secondsOf('2026-03-01T02:00:00.123456Z')).toBe(1772330400.123456)
  })

  test('of another process are taken as far as they are samples', () => {
    const good = sample('holdfast_wal_gaps', { repository: 'main' }, 2)
    const odd = [
      { name: 'holdfast_unheard_of', labels: {}, value: 1 },
      { name: 'holdfast_wal_gaps', labels: {}, value: 1 },
      { name: 'holdfast_wal_gaps', labels: { repository: 'main' }, value: '1' },
      { name: 'toString', labels: {}, value: 1 },
      null,
      7,
    ]
    expect(samplesIn(JSON.parse(JSON.stringify([...odd, ...good])))).toEqual(good)
    expect(samplesIn({})).toEqual([])
  })

  test('are written as Prometheus reads them, in the order of the catalogue', async () => {
    const samples = [
      ...sample('holdfast_job_running', { job_name: 'a "b"\\\nc', kind: 'dump' }, true),
      ...sample('holdfast_wal_gaps', { repository: 'main' }, 2),
    ]
    const { text, contentType } = await prometheusText(samples, { cluster: 'gathr' })
    expect(contentType).toContain('text/plain')
    expect(text.split('\n').filter(line => line !== '' && !line.startsWith('# HELP'))).toEqual([
      '# TYPE holdfast_wal_gaps gauge',
      'holdfast_wal_gaps{repository="main",cluster="gathr"} 2',
      '# TYPE holdfast_job_running gauge',
      'holdfast_job_running{job_name="a \\"b\\"\\\\\\nc",kind="dump",cluster="gathr"} 1',
    ])
    const open = await prometheusText(samples, { cluster: 'gathr' }, 'openmetrics')
    expect(open.contentType).toContain('application/openmetrics-text')
    expect(open.text).toMatch(/# EOF\n$/)
  })
})
