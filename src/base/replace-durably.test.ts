import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceDurably } from './replace-durably.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-replace-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

test('the file has the new content and the mode that was asked for, whatever the mask and the old file', async () => {
  const path = join(folder, 'state.json')
  writeFileSync(path, 'old')
  chmodSync(path, 0o666)
  await replaceDurably(path, 'new')
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['new', 0o600])
  const mask = process.umask(0o077)
  try {
    await replaceDurably(path, Buffer.from('newer'), { mode: 0o644 })
  } finally {
    process.umask(mask)
  }
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['newer', 0o644])
  expect(readdirSync(folder)).toEqual(['state.json'])
})

test('what can not be put in its place leaves nothing behind', async () => {
  const path = join(folder, 'folder')
  mkdirSync(path)
  await expect(replaceDurably(path, 'new')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
  expect(readdirSync(folder)).toEqual(['folder'])
})
