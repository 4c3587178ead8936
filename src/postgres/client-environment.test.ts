import { expect, test } from 'vitest'
import { clientEnvironment, databaseArgument } from './client-environment.ts'
import { parseConnectionString } from './connection-string.ts'

test('everything that a connection string says reaches the program through its environment', () => {
  const own = { PATH: '/bin', HOME: '/home/me', SECRET: 'x', PGAPPNAME: 'mine', PGHOST: 'elsewhere' }
  const target = parseConnectionString('postgresql://me:pass%20word@db:5433/shop?sslmode=require', own)
  expect(clientEnvironment(target, own)).toEqual({
    PATH: '/bin',
    HOME: '/home/me',
    PGAPPNAME: 'mine',
    PGHOST: 'db',
    PGPORT: '5433',
    PGUSER: 'me',
    PGDATABASE: 'shop',
    PGPASSWORD: 'pass word',
    PGPASSFILE: '/home/me/.pgpass',
    PGSSLMODE: 'require',
    PGCONNECT_TIMEOUT: '10',
    LC_ALL: 'C',
  })
})

test("a database's name is not taken for a connection string", () => {
  expect(databaseArgument(`it's host=\\ there`)).toBe(`dbname='it\\'s host=\\\\ there'`)
})
