/** Whether what is sealed today can be opened again. */
import { stat } from 'node:fs/promises'
import type { EncryptionConfig } from '../../config/config.ts'
import { secretFilePath } from '../../config/secret-source.ts'
import { decodeStream, encodeStream, type Encoding } from '../../pipeline/codec.ts'
import { advice, ok, problem, type Finding } from './finding.ts'

export interface KeysToCheck {
  /** The name of the repository in the configuration. */
  readonly name: string
  readonly encoding: Encoding
  readonly encryption: EncryptionConfig
  readonly identities: () => Promise<readonly string[]>
  /** Where relative paths of the configuration begin. */
  readonly folder: string
}

export async function checkKeys({
  name,
  encoding,
  encryption,
  identities,
  folder,
}: KeysToCheck): Promise<readonly Finding[]> {
  if (encryption === 'none') {
    return [
      advice(
        'keys',
        `nothing in repository ${name} is encrypted`,
        'Name recipients under encryption, unless nobody else can read that storage.',
      ),
    ]
  }
  const sealed = await Array.fromAsync(encodeStream(once(probe), encoding), piece => piece.slice())
  const recipients = ok('keys', `repository ${name} is encrypted to ${encoding.recipients.join(', ')}`)
  if (encryption.identity === undefined) {
    return [
      recipients,
      ok('keys', `no identity for ${name} is configured here: backups need none, restores and verify do`),
    ]
  }
  const opened = Buffer.concat(
    await Array.fromAsync(decodeStream(each(sealed), await identities()), piece => piece.slice()),
  )
  const fits = opened.equals(probe)
    ? ok('keys', `the identity of ${name} opens what is encrypted to it`)
    : problem(
        'keys',
        `the identity of ${name} opens something else than was sealed`,
        'Do not rely on these backups; report this.',
      )
  return [recipients, fits, ...(await filePermissions(encryption.identity, folder))]
}

async function filePermissions(
  identity: NonNullable<Exclude<EncryptionConfig, 'none'>['identity']>,
  folder: string,
): Promise<readonly Finding[]> {
  if (identity.kind !== 'file') return []
  const path = secretFilePath(identity.file, folder)
  const { mode } = await stat(path)
  if ((mode & 0o077) === 0) return []
  return [
    problem(
      'keys',
      `${path} holds the secret key, and others may read it (mode ${(mode & 0o777).toString(8)})`,
      `Run chmod 600 ${path}.`,
    ),
  ]
}

const probe = Buffer.from('Holdfast tries its keys with this.')

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

async function* each(pieces: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* pieces
}
