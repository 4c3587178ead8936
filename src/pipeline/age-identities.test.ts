/** What is told of an identity file that is none. */
import { expect, test } from 'vitest'
import { generateIdentity } from './age.ts'
import { parseIdentities } from './age-identities.ts'

const refusal = (text: string): { readonly message: string; readonly hint: string } => {
  try {
    parseIdentities(text, 'identity.txt')
  } catch (error) {
    return error as { message: string; hint: string }
  }
  throw new Error('it was taken')
}

test('comments and several keys are read as age-keygen writes them', async () => {
  const [one, two] = [await generateIdentity(), await generateIdentity()]
  const text = `# created: today\r\n# public key: ${one.recipient}\r\n${one.identity}\r\n\n${two.identity}\n`
  expect(parseIdentities(text, 'x')).toEqual([one.identity, two.identity])
})

test.each([
  ['', /^identity.txt holds no key$/],
  ['# only a comment\n', /holds no key$/],
  ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p', /holds a public key/],
  ['-----BEGIN AGE ENCRYPTED FILE-----\nx', /is encrypted itself/],
  ['-----BEGIN OPENSSH PRIVATE KEY-----\nx', /a key of another kind/],
  ['hunter2', /holds something that is no age identity$/],
])('%j is refused, and not repeated', (text, message) => {
  const fault = refusal(text)
  expect(fault).toMatchObject({ code: 'KEY_WRONG' })
  expect(fault.message).toMatch(message)
  expect(fault.hint).toContain('AGE-SECRET-KEY-')
  expect(fault.message + fault.hint).not.toContain('hunter2')
})
