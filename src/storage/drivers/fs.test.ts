import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { storageContract } from '../../../test/contract/storage-contract.ts'
import { openFsStorage } from './fs.ts'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-fs-'))
afterAll(() => rm(folder, { recursive: true }))

storageContract('folder', () => openFsStorage(join(folder, 'made', 'by', 'init'), { makeRoot: true }), {
  large: true,
  copies: 'unproven',
})
