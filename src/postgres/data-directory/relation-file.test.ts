import { describe, expect, test } from 'vitest'
import { firstBlockOf, isTemporaryRelation, relationFileAt } from './relation-file.ts'

describe('relation files', () => {
  test.each([
    ['base/5/16384', { relation: 16384, fork: 'main', segment: 0 }],
    ['base/5/16384.12', { relation: 16384, fork: 'main', segment: 12 }],
    ['base/5/16384_fsm', { relation: 16384, fork: 'fsm', segment: 0 }],
    ['base/5/16384_vm.1', { relation: 16384, fork: 'vm', segment: 1 }],
    ['base/5/16384_init', { relation: 16384, fork: 'init', segment: 0 }],
    ['global/1262', { relation: 1262, fork: 'main', segment: 0 }],
    ['pg_tblspc/16385/PG_15_202209061/5/4294967295', { relation: 4_294_967_295, fork: 'main', segment: 0 }],
  ])('%s holds pages', (path, expected) => {
    expect(relationFileAt(path)).toEqual(expected)
  })

  test.each([
    'global/pg_control',
    'global/pg_filenode.map',
    'base/5/PG_VERSION',
    'base/5/pg_internal.init',
    'base/5/t3_16384',
    'base/5/016384',
    'base/5/16384.0',
    'base/5/16384.01',
    'base/5/16384_old',
    'base/5/4294967296',
    'base/5/16384.1.1',
    'base/5/INCREMENTAL.16384',
    '16384',
    'base/16384',
    'pg_xact/0000',
    'base/pgsql_tmp/16384',
    'pg_tblspc/16385/5/1',
  ])('%s does not', path => {
    expect(relationFileAt(path)).toBeUndefined()
  })

  test('the first block counts through all files of the fork', () => {
    expect(firstBlockOf({ relation: 1, fork: 'main', segment: 3 }, 131_072)).toBe(393_216)
  })

  test.each([
    ['t3_16384', true],
    ['t12_16384_fsm', true],
    ['t3_16384.1', true],
    ['t_16384', false],
    ['table', false],
    ['t3_16384x', false],
  ])('%s is temporary: %s', (name, expected) => {
    expect(isTemporaryRelation(name)).toBe(expected)
  })
})
