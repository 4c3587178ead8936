import { describe, expect, test } from 'vitest'
import { startServer } from '../../test/support/postgres-server.ts'
import { until } from '../../test/support/until.ts'
import { lastArchiverError } from './archiver-error.ts'
import { connect } from './connection.ts'
import { serverFacts } from './server-facts.ts'

const never = new AbortController().signal

describe('the last words of archive_command', () => {
  test('are those before the last failure', () => {
    const log = `2026 LOG:  something
first try
2026 LOG:  archive command failed with exit code 1
2026 DETAIL:  The failed archive command was: x
holdfast: the storage is full

hint: make room
2026 LOG:  archive command failed with exit code 32
2026 DETAIL:  The failed archive command was: x
`
    expect(lastArchiverError(log)).toBe(
      'holdfast: the storage is full; hint: make room; archive command failed with exit code 32',
    )
    expect(lastArchiverError('2026 LOG:  all is well\n')).toBeUndefined()
    expect(lastArchiverError('2026 FATAL:  archive command was terminated by signal 9: Killed')).toMatch(
      /signal 9/,
    )
  })

  test.each([
    ['to standard error', {}],
    ['with the collector', { logging_collector: 'on', log_directory: 'log' }],
  ])('are found in the log of a server that logs %s', async (_, settings) => {
    await using server = await startServer({
      major: 15,
      archiveCommand: 'echo "no room for %f" >&2; false',
      settings,
    })
    await server.query('SELECT pg_switch_wal()')
    await until(
      'archiving fails',
      async () => (await server.value('SELECT failed_count FROM pg_stat_archiver')) !== '0',
    )
    await using connection = await connect(server.connectionString, { environment: {} }, never)
    const { archiver } = await serverFacts(connection, never)
    expect(archiver.lastError).toMatch(
      /^no room for 0{7}1[0-9A-F]{16}; archive command failed with exit code 1$/,
    )
  })
})
