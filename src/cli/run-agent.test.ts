import { expect, test } from 'vitest'
import { isFault } from '../base/fault.ts'
import { parseConfig } from '../config/load.ts'
import { checkedSetup } from './run-agent.ts'

const path = '/etc/holdfast/holdfast.yaml'

function mistakeOf(jobs: string): { readonly message: string; readonly hint: string } {
  const repositories = '{ main: { url: "file:///srv/backups", encryption: none } }'
  const text = `cluster: gathr\npostgres: { connection: host=/run }\nrepositories: ${repositories}\njobs: ${jobs}\n`
  try {
    checkedSetup({ config: parseConfig(text, path), path, placeOf: ([, job]) => `${path}:${job ?? ''}` })
  } catch (error) {
    if (isFault(error, 'CONFIG_INVALID')) return error
    throw error
  }
  throw new Error('it has no mistake')
}

test('a mistake in the command of a job is told with its place, and what was meant', () => {
  expect(mistakeOf('{ nightly: { at: daily, run: dump --jbos 4 } }')).toMatchObject({
    message: `${path}:nightly: jobs.nightly runs "dump --jbos 4": unknown option '--jbos'`,
    hint: expect.stringContaining('Did you mean --jobs?'),
  })
})

test('mistakes in several are told at once', () => {
  const jobs =
    '{ nightly: { at: daily, run: dump --jbos 4 }, backup: daily, v: { at: daily, run: verify --al } }'
  const { message } = mistakeOf(jobs)
  expect(message).toMatch(/^the configuration has 2 mistakes\n/)
  expect(message).toMatch(
    /jobs\.nightly runs .*Did you mean --jobs\?.*\n.*jobs\.v runs .*Did you mean --all\?/,
  )
})
