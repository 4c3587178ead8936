import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Secret } from '../base/secret.ts'
import { readSecret, type SecretSource } from './secret-source.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-secret-'))
const signal = new AbortController().signal

async function read(source: SecretSource, environment: Record<string, string> = {}): Promise<string> {
  return (await readSecret(source, 'postgres.connection', { environment, folder }, signal)).reveal()
}
const text = (given: string): SecretSource => ({ kind: 'text', text: new Secret(given) })

test('plain text is taken as it is', async () => {
  expect(await read(text('host=/run $HOME {x}'))).toBe('host=/run $HOME {x}')
})

test('variables are replaced from the environment', async () => {
  expect(await read(text('postgresql://${WHO}:${PASS}@db'), { WHO: 'me', PASS: 's3' })).toBe(
    'postgresql://me:s3@db',
  )
})

test('a variable that is not set is a fault that names it', async () => {
  await expect(read(text('${PGSECRET}'))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: /PGSECRET, which is not set/,
  })
})

test('a file is read relative to the configuration, without the line end', async () => {
  writeFileSync(join(folder, 'secret.txt'), 'hidden\n')
  expect(await read({ kind: 'file', file: 'secret.txt' })).toBe('hidden')
})

test('a missing file is a fault that names it', async () => {
  await expect(read({ kind: 'file', file: '/nowhere/x' })).rejects.toThrow(
    'postgres.connection: /nowhere/x does not exist',
  )
})

test('a command prints it', async () => {
  expect(await read({ kind: 'command', command: 'printf "from %s" "the vault"' })).toBe('from the vault')
})

test('a command that fails is told with what it said, and not with what it printed', async () => {
  const failed = read({ kind: 'command', command: 'echo topsecret; echo no such entry >&2; exit 3' })
  await expect(failed).rejects.toThrow('the command failed: no such entry')
  await expect(failed).rejects.not.toThrow('topsecret')
})
