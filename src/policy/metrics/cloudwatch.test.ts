import { expect, test } from 'vitest'
import { cloudwatchData } from './cloudwatch.ts'
import { sample } from './sample.ts'

const nowMs = 1_000_000
const given = { cluster: 'gathr', dimensions: { Environment: 'production' }, nowMs }

test('sizes keep their unit, moments become ages, and labels dimensions', () => {
  const labels = { repository: 'main', kind: 'full' }
  const dimensions = [
    ['Environment', 'production'],
    ['Cluster', 'gathr'],
    ['Repository', 'main'],
    ['Kind', 'full'],
  ]
  const samples = [
    ...sample('holdfast_backup_size_bytes', labels, 5),
    ...sample('holdfast_backup_last_success_timestamp_seconds', labels, 900),
  ]
  expect(cloudwatchData(samples, given)).toEqual([
    { name: 'BackupSize', unit: 'Bytes', value: 5, dimensions },
    { name: 'BackupAge', unit: 'Seconds', value: 100, dimensions },
  ])
})

test('what is worth no alarm is not sent, an age is never below zero, and nothing is empty', () => {
  const samples = [
    ...sample('holdfast_repository_info', { repository: 'main', role: 'first', copy_of: '' }, 1),
    ...sample('holdfast_status_timestamp_seconds', {}, 2_000),
    ...sample('holdfast_job_last_run_success', { job_name: '', kind: 'dump' }, false),
  ]
  const data = cloudwatchData(samples, { ...given, dimensions: {} })
  expect(data).toEqual([
    { name: 'StatusAge', unit: 'Seconds', value: 0, dimensions: [['Cluster', 'gathr']] },
    {
      name: 'JobSuccess',
      unit: 'None',
      value: 0,
      dimensions: [
        ['Cluster', 'gathr'],
        ['Kind', 'dump'],
      ],
    },
  ])
})
