import { describe, expect, test } from 'vitest'
import { collectAnswers, type GivenAnswers } from './answers.ts'

const nothing: GivenAnswers = {
  cluster: undefined,
  connection: undefined,
  repository: undefined,
  noEncryption: false,
  yes: false,
}

/** Answers each question by the first words of it; whatever else is asked gets Enter. */
function asked(answers: Readonly<Record<string, string>>): {
  readonly ask: (question: string) => Promise<string>
  readonly questions: string[]
} {
  const questions: string[] = []
  const ask = (question: string): Promise<string> => {
    questions.push(question)
    const [, answer = ''] = Object.entries(answers).find(([begin]) => question.startsWith(begin)) ?? []
    return Promise.resolve(answer)
  }
  return { ask, questions }
}

describe('init asks', () => {
  test('for a folder nothing but where it is', async () => {
    const { ask, questions } = asked({ 'Where to keep backups': '/srv/backups' })
    expect(await collectAnswers(nothing, { ask })).toMatchObject({
      repositoryUrl: 'file:///srv/backups',
      encrypt: true,
    })
    expect(questions.join('\n')).not.toMatch(/address|region/)
  })

  test('for a bucket where the server is, and what may be left to the vendor is', async () => {
    const { ask } = asked({
      'Where to keep backups': 's3://vault/pg',
      "The S3 server's address": 'https://s3.example.com',
    })
    expect(await collectAnswers(nothing, { ask })).toMatchObject({
      repositoryUrl: 's3://vault/pg',
      access: { endpoint: 'https://s3.example.com', region: undefined },
    })
  })

  test('for nothing that was given', async () => {
    const { ask, questions } = asked({})
    const given = { ...nothing, repository: 's3://vault/pg', endpoint: 'https://x.example', region: 'r1' }
    const { access } = await collectAnswers(given, { ask })
    expect(access).toMatchObject({ endpoint: 'https://x.example', region: 'r1' })
    expect(questions.join('\n')).not.toMatch(/address|region|Where/)
  })

  test.each([
    ['backups', /"backups" is neither the absolute path of a folder nor a URL/],
    ['s3:/vault/pg', /neither the absolute path of a folder nor a URL/],
  ])('and does not take %s for a place', async (repository, message) => {
    await expect(collectAnswers({ ...nothing, repository }, asked({}))).rejects.toThrow(message)
  })

  test('for an address with its scheme', async () => {
    const answers = asked({ "The S3 server's address": '127.0.0.1:9000' })
    await expect(collectAnswers({ ...nothing, repository: 's3://vault/pg' }, answers)).rejects.toMatchObject({
      hint: expect.stringContaining('https://127.0.0.1:9000') as unknown,
    })
  })

  test('nobody with --yes', async () => {
    const given = { ...nothing, yes: true, repository: 'gs://vault/pg', writeOnce: 'check' } as const
    expect(await collectAnswers(given, { ask: undefined })).toMatchObject({
      repositoryUrl: 'gs://vault/pg',
      access: { writeOnce: 'check' },
    })
  })
})
