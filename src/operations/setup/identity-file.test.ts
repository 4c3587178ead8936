import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recipientOf } from '../../pipeline/age.ts'
import { readOrMakeIdentity } from './identity-file.ts'

const pathOf = (): string => join(mkdtempSync(join(tmpdir(), 'holdfast-identity-')), 'sub', 'identity.txt')

test('a new identity is in a file that only its owner can read', async () => {
  const path = pathOf()
  const { identity, recipient } = await readOrMakeIdentity(path, undefined, 0)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readFileSync(path, 'utf8')).toBe(
    `# created: 1970-01-01 00:00:00+00:00\n# public key: ${recipient}\n${identity.reveal()}\n`,
  )
  expect(await recipientOf(identity.reveal())).toBe(recipient)
})

test('an identity that is there is taken, not replaced', async () => {
  const path = pathOf()
  const first = await readOrMakeIdentity(path, undefined, 0)
  const second = await readOrMakeIdentity(path, undefined, 1)
  expect(second.recipient).toBe(first.recipient)
  expect(second.identity.reveal()).toBe(first.identity.reveal())
})

test('a file that holds something else is left alone', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'holdfast-identity-')), 'identity.txt')
  writeFileSync(path, 'my shopping list\n')
  await expect(readOrMakeIdentity(path, undefined, 0)).rejects.toMatchObject({ code: 'KEY_WRONG' })
  expect(readFileSync(path, 'utf8')).toBe('my shopping list\n')
})
