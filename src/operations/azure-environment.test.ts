import { describe, expect, test } from 'vitest'
import { withAzureEnvironment } from './azure-environment.ts'

describe("the environment of Azure's command line", () => {
  const key = { kind: 'text', text: 'a'.repeat(86) } as const

  test('an account becomes an address, with its key or SAS', () => {
    expect(withAzureEnvironment({}, { AZURE_STORAGE_ACCOUNT: 'gathr' })).toEqual({
      endpoint: 'https://gathr.blob.core.windows.net',
    })
    expect(withAzureEnvironment({}, { AZURE_STORAGE_ACCOUNT: 'gathr', AZURE_STORAGE_KEY: key.text })).toEqual(
      { endpoint: 'https://gathr.blob.core.windows.net', credentials: key },
    )
  })

  test('a connection string is all that is needed', () => {
    const text = 'AccountName=gathr;AccountKey=x'
    expect(withAzureEnvironment({}, { AZURE_STORAGE_CONNECTION_STRING: text })).toEqual({
      credentials: { kind: 'text', text },
    })
  })

  test('the configuration comes first, and no secret is sent to an address it was not meant for', () => {
    const environment = { AZURE_STORAGE_ACCOUNT: 'other', AZURE_STORAGE_KEY: 'x' }
    const access = { endpoint: 'https://gathr.blob.core.windows.net' }
    expect(withAzureEnvironment(access, environment)).toEqual(access)
    expect(withAzureEnvironment({ credentials: key }, environment)).toEqual({
      credentials: key,
      endpoint: 'https://other.blob.core.windows.net',
    })
  })
})
