/** The file with the secret key, as `age-keygen` writes it. */
import { readFile } from 'node:fs/promises'
import { Fault, errnoOf } from '../../base/fault.ts'
import { Secret } from '../../base/secret.ts'
import { formatTime } from '../../base/units.ts'
import { generateIdentity, recipientOf } from '../../pipeline/age.ts'
import { writeNewFile, type FileOwner } from './new-file.ts'

export interface KeyPair {
  readonly recipient: string
  readonly identity: Secret
  /** False: it was there. */
  readonly isNew: boolean
}

/** Makes the file, or takes the key that is in it: one that an interrupted `init` left is as good as a new one. */
export async function readOrMakeIdentity(
  path: string,
  owner: FileOwner | undefined,
  nowMs: number,
): Promise<KeyPair> {
  const found = await readIdentityFile(path)
  if (found) return found
  const { identity, recipient } = await generateIdentity()
  const text = `# created: ${formatTime(nowMs)}\n# public key: ${recipient}\n${identity}\n`
  if (await writeNewFile(path, text, { mode: 0o600, owner }))
    return { recipient, identity: new Secret(identity), isNew: true }
  // Somebody made it in the meantime.
  return readOrMakeIdentity(path, owner, nowMs)
}

async function readIdentityFile(path: string): Promise<KeyPair | undefined> {
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  const identity = text
    .split('\n')
    .map(line => line.trim())
    .find(line => line.startsWith('AGE-SECRET-KEY-'))
  if (identity !== undefined)
    return { recipient: await recipientOf(identity), identity: new Secret(identity), isNew: false }
  throw new Fault('KEY_WRONG', `${path} is there, and holds no age identity`, {
    hint: 'Move the file away, then run it again.',
  })
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
