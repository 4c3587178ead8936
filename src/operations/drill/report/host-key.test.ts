import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemWorld } from '../../../base/world.ts'
import { openHostKey, readHostKey } from './host-key.ts'

describe('the key of a host', () => {
  const world = systemWorld()
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'host-key-'))
    path = join(folder, 'state', 'drill.pem')
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('is made when it is needed, for its user alone, and stays', async () => {
    expect(await readHostKey(path)).toBeUndefined()
    const made = await openHostKey(path, world)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, 'state'))).mode & 0o777).toBe(0o700)
    expect((await openHostKey(path, world)).public).toBe(made.public)
    expect((await readHostKey(path))?.public).toBe(made.public)
    expect(await readFile(path, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/)
  })

  test('is one, also when two drills begin at the same time', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => openHostKey(path, world)))
    expect(new Set(keys.map(key => key.public)).size).toBe(1)
    expect(await readdir(join(folder, 'state'))).toEqual(['drill.pem'])
  })

  test('is refused when others can read it', async () => {
    await openHostKey(path, world)
    await chmod(path, 0o640)
    await expect(openHostKey(path, world)).rejects.toMatchObject({
      code: 'SIGNING_KEY',
      message: expect.stringContaining('mode 640'),
      hint: expect.stringContaining('chmod 600'),
    })
  })

  test.each([
    ['nothing', ''],
    ['something else', 'AGE-SECRET-KEY-1'],
    [
      'no key for Ed25519',
      '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAAA\n-----END PRIVATE KEY-----\n',
    ],
  ])('is refused when the file holds %s, and the file is left alone', async (_, text) => {
    await openHostKey(path, world)
    await writeFile(path, text)
    await expect(openHostKey(path, world)).rejects.toMatchObject({ code: 'SIGNING_KEY' })
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  test('that can not be made is a fault that names the file', async () => {
    await writeFile(join(folder, 'state'), 'a file in the way')
    await expect(openHostKey(path, world)).rejects.toMatchObject({
      code: 'SIGNING_KEY',
      message: expect.stringContaining(path),
    })
  })
})
