import { expect, test } from 'vitest'
import { insideOf, mountOf, mountsBelow, parseMounts } from './mounts.ts'

const text = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:41 /@pg /srv/pg rw,noatime shared:1 - btrfs /dev/sdb rw,subvol=/@pg
31 22 0:42 / /mnt/with\\040blank rw - xfs /dev/mapper/vg-lv rw
32 30 0:43 / /srv/pg/main/pg_wal rw - xfs /dev/sdc rw
33 22 0:44 / /srv/pg rw - ext4 /dev/sdd rw
`

test('mounts are read, with blanks in their paths', () => {
  expect(parseMounts(text)[2]).toEqual({
    path: '/mnt/with blank',
    root: '/',
    fileSystem: 'xfs',
    source: '/dev/mapper/vg-lv',
  })
})

test('a path lies on the nearest mount, and of two at one place on the later one', () => {
  const mounts = parseMounts(text)
  expect(mountOf(mounts, '/srv/pg/main/base')?.source).toBe('/dev/sdd')
  expect(mountOf(mounts, '/srv/pgx')?.source).toBe('/dev/sda1')
  expect(mountsBelow(mounts, '/srv/pg/main').map(({ path }) => path)).toEqual(['/srv/pg/main/pg_wal'])
})

test('where a path lies inside of a folder', () => {
  expect(insideOf('/srv/pg/main', '/srv/pg')).toBe('main')
  expect(insideOf('/srv', '/')).toBe('srv')
  expect(insideOf('/srv', '/srv')).toBe('')
})
