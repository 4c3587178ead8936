import { expect, test } from 'vitest'
import { makeTargets } from '../../../test/fakes/push-targets.ts'
import type { Config } from '../../config/config.ts'
import { openOwedBook } from '../wal-push/owed.ts'
import { targetId } from '../wal-push/target.ts'
import { checkOwed } from './check-owed.ts'

test('a repository that lacks WAL is told of, with how much and why', async () => {
  using fake = await makeTargets(['main'])
  const url = 'file:///srv/second'
  const config = { cluster: 'lab', repositories: { second: { url } } } as unknown as Config
  const dataDirectory = fake.walFolder.replace(/\/pg_wal$/, '')
  expect(await checkOwed(config, 'second', dataDirectory, fake.world.clock)).toEqual([])
  const target = { name: 'second', id: targetId({ storage: { url } }, 'lab') }
  const book = openOwedBook(fake.walFolder, fake.world.clock)
  await book.note(target, '000000010000000000000007')
  await book.note(target, '000000010000000000000009')
  expect(await checkOwed(config, 'second', dataDirectory, fake.world.clock)).toMatchObject([
    {
      area: 'archiving',
      state: 'advice',
      message:
        'repository "second" lacks 2 WAL files (000000010000000000000007 to 000000010000000000000009) that PostgreSQL was told are safe',
    },
  ])
  expect(await checkOwed(config, 'second', undefined, fake.world.clock)).toEqual([])
})
