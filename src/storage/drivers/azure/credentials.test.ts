import { describe, expect, test } from 'vitest'
import { isFault } from '../../../base/fault.ts'
import { systemWorld } from '../../../base/world.ts'
import type { ObjectStorageAccess } from '../../open.ts'
import { openContainer } from './credentials.ts'

const { clock } = systemWorld()
const key = 'a'.repeat(86) + '=='
const text = (given: string, endpoint?: string): ObjectStorageAccess => ({
  endpoint,
  credentials: { kind: 'text', text: given },
})
const urlOf = async (access: ObjectStorageAccess) => (await openContainer('backups', access, clock)).url
const kindOf = async (access: ObjectStorageAccess) =>
  (await openContainer('backups', access, clock)).credential.constructor.name

describe('credentials for Azure', () => {
  const own = 'https://gathr.blob.core.windows.net'

  test.each([
    ['a connection string', text(`AccountName=gathr;AccountKey=${key}`), `${own}/backups`],
    [
      'a connection string of another cloud',
      text(`AccountName=gathr;AccountKey=${key};EndpointSuffix=core.chinacloudapi.cn`),
      'https://gathr.blob.core.chinacloudapi.cn/backups',
    ],
    [
      'a connection string with its own address',
      text(`AccountName=gathr;AccountKey=${key};BlobEndpoint=http://127.0.0.1:1/gathr;`),
      'http://127.0.0.1:1/gathr/backups',
    ],
    ['an account key', text(key, own), `${own}/backups`],
    [
      'an account and its key',
      { credentials: { kind: 'access-key', id: 'gathr', secret: key } },
      `${own}/backups`,
    ],
  ] as const)('%s signs requests', async (_, access, url) => {
    expect(await urlOf(access)).toBe(url)
    expect(await kindOf(access)).toBe('StorageSharedKeyCredential')
  })

  test.each([
    ['a SAS', text('?sv=2024&sig=x', own)],
    ['a connection string with a SAS', text(`BlobEndpoint=${own};SharedAccessSignature=sv=2024&sig=x`)],
  ])('%s goes with each address', async (_, access) => {
    expect(await urlOf(access)).toBe(`${own}/backups?sv=2024&sig=x`)
  })

  test('without any, they are found as the tools of Azure find them, and never sent without TLS', async () => {
    expect(await kindOf({ endpoint: own })).toBe('HeldTokens')
    expect(await kindOf({ endpoint: 'http://127.0.0.1:1/gathr' })).toBe('AnonymousCredential')
  })

  test.each([
    ['no account', {}],
    ['a text that is none of them', text('very secret', own)],
    ['a connection string without an account', text('AccountName=;very=secret')],
  ])('%s is a fault of the configuration, told without the text', async (_, access) => {
    const error: unknown = await openContainer('backups', access, clock).catch((thrown: unknown) => thrown)
    expect(isFault(error, 'CONFIG_INVALID')).toBe(true)
    expect(String(error)).not.toContain('secret')
  })
})
