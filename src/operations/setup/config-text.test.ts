import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseConfig } from '../../config/load.ts'
import { configText, type ConfigAnswers } from './config-text.ts'

const answers: ConfigAnswers = {
  cluster: 'gathr',
  connection: 'postgresql://postgres@/postgres?host=/run/postgresql',
  repositoryUrl: 'file:///srv/backups',
  access: {},
  encryption: {
    recipient: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
    identityFile: '/etc/holdfast/identity.txt',
  },
}

test('what is written is what was answered', () => {
  const config = parseConfig(configText(answers), 'x')
  expect(config.cluster).toBe('gathr')
  expect(config.repositories['main']).toMatchObject({
    url: 'file:///srv/backups',
    encryption: {
      recipients: [expect.stringMatching(/^age1/)],
      identity: { kind: 'file', file: '/etc/holdfast/identity.txt' },
    },
  })
})

test('ordinary values stand there without quotes', () => {
  expect(configText(answers)).toMatch(
    /^ {2}connection: postgresql:\/\/postgres@\/postgres\?host=\/run\/postgresql$/m,
  )
  expect(configText(answers)).toMatch(/^ {4}url: file:\/\/\/srv\/backups$/m)
})

test('no encryption is said with its consequence', () => {
  const text = configText({ ...answers, encryption: 'none' })
  expect(parseConfig(text, 'x').repositories['main']?.encryption).toBe('none')
  expect(text).toMatch(/Whoever can read the storage can read the data/)
})

test('whatever the connection is, it comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'binary' }), connection => {
      const { postgres } = parseConfig(configText({ ...answers, connection }), 'x')
      expect(postgres.connection.kind === 'text' && postgres.connection.text.reveal()).toBe(connection)
    }),
  )
})

test('object storage is written with how to reach it, and without credentials', () => {
  const access = {
    endpoint: 'https://s3.example.com:9000',
    region: 'eu-central-1',
    pathStyle: true,
    caFile: '/etc/ssl/own ca.pem',
    profile: 'backups',
    writeOnce: 'check',
  } as const
  const text = configText({ ...answers, repositoryUrl: 's3://bucket/pg', access })
  expect(parseConfig(text, 'x').repositories['main']).toMatchObject({ url: 's3://bucket/pg', ...access })
  expect(text).not.toMatch(/credentials:|access_key/)
})

test('object storage that is reached as its vendor says needs nothing but its name', () => {
  const text = configText({ ...answers, repositoryUrl: 'gs://bucket/pg' })
  expect(parseConfig(text, 'x').repositories['main']).toMatchObject({
    url: 'gs://bucket/pg',
    writeOnce: 'conditional',
  })
})
