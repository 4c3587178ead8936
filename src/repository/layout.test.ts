import { describe, expect, test } from 'vitest'
import { backupFolder, backupIdOf, clusterKey, leaseKey, walKey, walNameOf } from './layout.ts'

describe('keys', () => {
  test('each kind of WAL file has its place, and the name comes back from the key', () => {
    const places = {
      '0000000100000016000000B3': 'c/wal/00000001/00000016/0000000100000016000000B3.zst.age',
      '0000000100000016000000B3.partial': 'c/wal/00000001/00000016/0000000100000016000000B3.partial.zst.age',
      '0000000100000016000000B3.00000028.backup':
        'c/wal/00000001/00000016/0000000100000016000000B3.00000028.backup.zst.age',
      '00000002.history': 'c/wal/00000002.history.zst.age',
    }
    for (const [name, key] of Object.entries(places)) {
      expect(walKey('c', name, '.zst.age')).toBe(key)
      expect(walNameOf('c', key)).toBe(name)
      expect(walNameOf('c', key.replace('.age', ''))).toBe(name)
    }
  })

  test.each([
    'c/wal/00000001/x.zst',
    'c/wal/00000002/00000016/0000000100000016000000B3.zst',
    'c/wal/00000001/00000016/0000000100000016000000B3',
  ])('a key that is not where its name belongs holds no WAL: %s', key => {
    expect(walNameOf('c', key)).toBeUndefined()
  })

  test('an id says when the backup began, and its kind', () => {
    expect(backupIdOf(Date.UTC(2026, 2, 1, 2, 0, 0, 999), 'full')).toBe('20260301T020000Z-full')
  })

  test('leases have numbers of a fixed width, so that they sort', () => {
    expect(leaseKey('c', 'backup', 42)).toBe('c/leases/backup/00000042.json')
    expect(() => leaseKey('c', 'backup', 100_000_000)).toThrow('at most 8 digits')
    expect(() => leaseKey('c', 'backup', 0)).toThrow()
  })

  test('what is no id or no cluster name never becomes a key', () => {
    expect(() => backupFolder('c', '../../etc')).toThrow('is the id of a backup')
    expect(() => clusterKey('../c')).toThrow('is the name of a cluster')
    expect(() => clusterKey('a/b')).toThrow('is the name of a cluster')
  })
})
