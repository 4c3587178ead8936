import fc from 'fast-check'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startServer } from '../../test/support/postgres-server.ts'
import { formatSetting } from './config-file.ts'

test('PostgreSQL reads back every value as it was given', async () => {
  await using server = await startServer({ major: 16 })
  const values = fc.sample(
    fc.string({ unit: fc.constantFrom("'", '\\', '\n', '\r', '%', '#', ' ', '"', 'ä', 'n', 't', '0') }),
    60,
  )
  const lines = values.map((value, i) => formatSetting(`holdfast.s${String(i)}`, value))
  writeFileSync(
    join(server.dataDirectory, 'postgresql.auto.conf'),
    lines.join('') + formatSetting('holdfast.flag', true),
  )
  await server.restart()
  const client = await server.connect()
  for (const [i, value] of values.entries()) {
    const { rows } = await client.query<{ value: string }>(
      `SELECT current_setting('holdfast.s${String(i)}') AS value`,
    )
    expect(rows[0]?.value).toBe(value)
  }
  expect(
    (await client.query<{ value: string }>("SELECT current_setting('holdfast.flag') AS value")).rows[0]
      ?.value,
  ).toBe('on')
  await client.end()
})
