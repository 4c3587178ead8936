import { describe, expect, test } from 'vitest'
import type { Archive, TocEntry } from '../../postgres/dump-archive/archive.ts'
import { needsOf } from './needs.ts'

const entry = (kind: string, definition: string, more: Partial<TocEntry> = {}): TocEntry =>
  ({ kind, definition, dependencies: [], ...more }) as unknown as TocEntry
const archive = (...entries: TocEntry[]): Archive => ({ entries }) as unknown as Archive
const all = { owner: true, privileges: true, tablespaces: true }
const none = { owner: false, privileges: false, tablespaces: false }

describe('the roles that a server must have', () => {
  test.each<[string, string, readonly string[]]>([
    ['ACL', 'GRANT SELECT ON TABLE public.t TO clerk WITH GRANT OPTION;', ['clerk']],
    [
      'ACL',
      'GRANT ALL ON TABLE public."a TO b" TO "odd ""role"", x"; GRANT SELECT ON TABLE t TO PUBLIC;',
      ['odd "role", x'],
    ],
    ['ACL', 'REVOKE ALL ON TABLE public.t FROM owner;\nGRANT SELECT ON TABLE public.t TO a;', ['owner', 'a']],
    [
      'ACL',
      'SET SESSION AUTHORIZATION grantor;\nGRANT SELECT ON TABLE t TO b;\nRESET SESSION AUTHORIZATION;',
      ['grantor', 'b'],
    ],
    [
      'DEFAULT ACL',
      'ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT ON TABLES TO b;',
      ['a', 'b'],
    ],
    [
      'DATABASE PROPERTIES',
      `ALTER DATABASE d SET x TO 'ALTER ROLE no';\nALTER ROLE "r s" IN DATABASE d SET y TO 'z';`,
      ['r s'],
    ],
  ])('%s: %s', (kind, definition, roles) => {
    expect([...needsOf(archive(entry(kind, definition)), all).roles]).toEqual(roles)
    expect([...needsOf(archive(entry(kind, definition)), none).roles]).toEqual([])
  })

  test.each<[string, string, readonly string[]]>([
    ['POLICY', 'CREATE POLICY p ON public.t FOR SELECT TO a, "b c" USING ((x < now()));', ['a', 'b c']],
    ['POLICY', `CREATE POLICY "x TO y" ON t USING ((i > '1'::interval YEAR TO MONTH));`, []],
    ['USER MAPPING', `CREATE USER MAPPING FOR clerk SERVER far OPTIONS (\n    "user" 'TO x'\n);`, ['clerk']],
    ['USER MAPPING', 'CREATE USER MAPPING FOR PUBLIC SERVER far;', []],
  ])('%s, whatever is left out: %s', (kind, definition, roles) => {
    expect([...needsOf(archive(entry(kind, definition)), none).rolesAnyway]).toEqual(roles)
  })
})
