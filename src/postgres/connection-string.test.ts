import { describe, expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { parseConnectionString } from './connection-string.ts'

const parse = (text: string, environment: Record<string, string> = {}): Record<string, unknown> => {
  const { password, ...rest } = parseConnectionString(text, environment)
  return Object.fromEntries(
    Object.entries({ ...rest, password: password?.reveal() }).filter(([, value]) => value !== undefined),
  )
}

describe('connection strings', () => {
  test.each([
    [
      'postgresql://postgres@/postgres?host=/run/postgresql',
      { host: '/run/postgresql', port: 5432, user: 'postgres', database: 'postgres' },
    ],
    [
      'postgres://u:p%40ss@db.example:6543/data%20base?sslmode=verify-full',
      {
        host: 'db.example',
        port: 6543,
        user: 'u',
        password: 'p@ss',
        database: 'data base',
        sslMode: 'verify-full',
      },
    ],
    ['postgresql://%2Frun%2Fpostgresql/app', { host: '/run/postgresql', database: 'app' }],
    ['postgresql://[::1]:5433/app', { host: '::1', port: 5433, database: 'app' }],
    ['postgresql://', { port: 5432 }],
    [
      "host=/tmp user=postgres dbname='my db' password='it\\'s' connect_timeout=3",
      { host: '/tmp', user: 'postgres', database: 'my db', password: "it's" },
    ],
    ['', { port: 5432, sslMode: 'prefer' }],
  ])('%s is read as libpq reads it', (text, expected) => {
    expect(parse(text)).toMatchObject(expected)
  })

  test('what is left out comes from the environment', () => {
    const environment = {
      PGHOST: 'h',
      PGPORT: '1',
      PGUSER: 'u',
      PGDATABASE: 'd',
      PGPASSWORD: 'p',
      PGSSLMODE: 'require',
      HOME: '/home/u',
    }
    expect(parse('postgresql:///other', environment)).toEqual({
      host: 'h',
      port: 1,
      user: 'u',
      database: 'other',
      password: 'p',
      sslMode: 'require',
      passFile: '/home/u/.pgpass',
    })
  })

  test.each([
    'postgresql://h/d?hots=x',
    'nonsense',
    'postgresql://a,b/d',
    'host=h port=70000',
    'sslmode=maybe',
    'postgresql://%zz/',
  ])('%s is refused, and the fault does not show it', text => {
    const read = (): unknown => parseConnectionString(`${text}${text.includes('?') ? '&' : ''}`, {})
    expect(read).toThrow(Fault)
    expect(read).not.toThrow(/secret/)
  })

  test('a password is never printed', () => {
    expect(JSON.stringify(parseConnectionString('postgresql://u:secret@h/d', {}))).not.toContain('secret')
  })
})
