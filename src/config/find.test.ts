import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findConfig } from './find.ts'

const workingDirectory = mkdtempSync(join(tmpdir(), 'holdfast-find-'))
const environment = { HOLDFAST_CONFIG: '/somewhere/named.yaml' }

test('the option comes first, and is relative to where the command runs', async () => {
  expect(await findConfig('mine.yaml', { environment, workingDirectory })).toBe(
    join(workingDirectory, 'mine.yaml'),
  )
})

test('then the environment', async () => {
  expect(await findConfig(undefined, { environment, workingDirectory })).toBe('/somewhere/named.yaml')
})

test('then the file where the command runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-find-'))
  writeFileSync(join(folder, 'holdfast.yaml'), '')
  expect(await findConfig(undefined, { environment: {}, workingDirectory: folder })).toBe(
    join(folder, 'holdfast.yaml'),
  )
})
