import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../config/load.ts'
import type { Output } from '../output.ts'
import { printAzure, printBucket, printGcs, printIam, printLifecycle } from './print-policy.ts'

const text = `
cluster: gathr
postgres: { connection: x }
repositories:
  folder: { url: "file:///srv/backups", encryption: none }
  main: { url: "s3://vault/pg", rights: keeper, encryption: none }
  google: { url: "gs://vault/pg", encryption: none }
  azure: { url: "az://vault/pg", encryption: none }
`

interface Printed {
  readonly value: unknown
  readonly text: string
  readonly notes: readonly string[]
}

async function printed(print: (context: Parameters<typeof printIam>[0]) => Promise<void>): Promise<Printed> {
  const notes: string[] = []
  let result: { value: unknown; text: string } | undefined
  const output: Output = {
    rule: { json: false, verbose: false, quiet: false },
    result: (value, makeText) => (result = { value, text: makeText() }),
    note: line => notes.push(line),
    warn: () => undefined,
    detail: () => undefined,
    failure: () => undefined,
  }
  const config = parseConfig(text, 'x')
  await print({ config: () => Promise.resolve({ config, path: '/etc/holdfast.yaml' }), output })
  if (!result) throw new Error('something is printed')
  return { ...result, notes }
}

const names = { account: undefined, principal: [] }

describe('holdfast policy', () => {
  test('prints the document alone, and says beside it what to do with it', async () => {
    const given = { repository: undefined, role: 'writer', account: undefined } as const
    const { text: document, notes } = await printed(context => printIam(context, given))
    expect(JSON.parse(document)).toMatchObject({ Version: '2012-10-17' })
    expect(notes.join('\n')).toContain('| aws iam create-policy')
  })

  test('takes the role that the configuration states', async () => {
    const given = { repository: undefined, role: undefined, account: undefined }
    const { value, notes } = await printed(context => printIam(context, given))
    expect(value).toMatchObject({ repository: 'main', role: 'keeper' })
    expect(notes[0]).toMatch(/^For the role keeper/)
  })

  test('takes the first repository that a policy is for', async () => {
    const gcs = await printed(context =>
      printGcs(context, { repository: undefined, role: undefined, part: undefined, ...names }),
    )
    expect(gcs.value).toMatchObject({ repository: 'google' })
    const azure = await printed(context =>
      printAzure(context, { repository: undefined, role: 'restorer', part: 'condition', ...names }),
    )
    expect(azure.text).toContain("StringLike 'pg/gathr/*'")
    const bucket = await printed(context => printBucket(context, { repository: 'google', ...names }))
    expect(bucket.value).toMatchObject({ document: { version: 3 } })
  })

  test.each([
    ['folder', /is no object storage/],
    ['google', /`policy iam` is for S3 \(s3:\/\/\), and repository google is gs:/],
    ['other', /no repository "other"/],
  ])('refuses the repository %s', async (repository, message) => {
    const given = { repository, role: undefined, account: undefined }
    await expect(printed(context => printIam(context, given))).rejects.toThrow(message)
  })

  test('makes no rule for versions on Azure', async () => {
    const given = { repository: 'azure', uploadsAfter: undefined, versionsAfter: 86_400_000 }
    await expect(printed(context => printLifecycle(context, given))).rejects.toMatchObject({
      code: 'STORAGE_UNSUPPORTED',
    })
  })
})
