/** The key that a host signs its reports with: made when it is needed for the first time, and readable by its user only. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { link, mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, Fault, isFault, messageOf } from '../../../base/fault.ts'
import type { World } from '../../../base/world.ts'
import { publicKeyOf, type SigningKey } from './signature.ts'

/** Undefined when this host has none yet. */
export async function readHostKey(path: string): Promise<SigningKey | undefined> {
  try {
    await using file = await open(path, 'r')
    await assertPrivate(file, path)
    return keyOf(await file.readFile('utf8'), path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw isFault(error) ? error : unusable(path, messageOf(error), error)
  }
}

/** The key of this host; makes it when there is none. */
export async function openHostKey(
  path: string,
  { randomBytes }: Pick<World, 'randomBytes'>,
): Promise<SigningKey> {
  const known = await readHostKey(path)
  if (known) return known
  try {
    await writeNew(path, Buffer.from(randomBytes(6)).toString('hex'))
  } catch (error) {
    throw unusable(path, messageOf(error), error)
  }
  // Whoever was first: two drills may begin at the same time.
  const made = await readHostKey(path)
  if (made) return made
  throw unusable(path, 'it is gone again')
}

/** Whole or not at all, and never over one that is there. */
async function writeNew(path: string, tag: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { privateKey } = generateKeyPairSync('ed25519')
  const staged = `${path}.${tag}`
  try {
    await using file = await open(staged, 'wx', 0o600)
    await file.writeFile(privateKey.export({ format: 'pem', type: 'pkcs8' }))
    await file.sync()
    await link(staged, path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(staged, { force: true })
  }
  await using directory = await open(folder, 'r')
  await directory.sync()
}

async function assertPrivate(file: FileHandle, path: string): Promise<void> {
  const { mode } = await file.stat()
  if ((mode & 0o077) === 0) return
  throw new Fault(
    'SIGNING_KEY',
    `${path} can be read by others than its owner (mode ${(mode & 0o777).toString(8)})`,
    {
      hint: `Run chmod 600 ${path}; when others may have read it, delete it instead, and a new key is made by the next drill.`,
    },
  )
}

function keyOf(text: string, path: string): SigningKey {
  let secret: KeyObject
  try {
    secret = createPrivateKey(text)
  } catch (error) {
    throw unusable(path, 'it is no private key in PEM', error)
  }
  if (secret.asymmetricKeyType !== 'ed25519') throw unusable(path, 'it is no key for Ed25519')
  return { secret, public: publicKeyOf(secret) }
}

function unusable(path: string, why: string, cause?: unknown): Fault {
  return new Fault('SIGNING_KEY', `the key that drills are signed with, ${path}, can not be used: ${why}`, {
    hint: 'Name a file that the user of the drill can read and write as `signing_key` of `drills` in the configuration; one that is not there is made.',
    cause,
  })
}
