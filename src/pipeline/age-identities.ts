/** The text of an identity file, as `age-keygen` writes it: comments, and one secret key or several. */
import { Fault } from '../base/fault.ts'

/** `what` says where the text is from. What is in it is never repeated. KEY_WRONG when it holds no secret key, or something else. */
export function parseIdentities(text: string, what: string): readonly string[] {
  const lines = text.split('\n').map(line => line.trim())
  const keys = lines.filter(line => line !== '' && !line.startsWith('#'))
  const other = keys.find(key => !/^AGE-SECRET-KEY-/i.test(key))
  if (keys.length > 0 && other === undefined) return keys
  throw new Fault('KEY_WRONG', `${what} ${other === undefined ? 'holds no key' : wordsFor(other)}`, {
    hint: 'Give it the secret key, a line that begins with AGE-SECRET-KEY-: it is in the file that `holdfast init` or age-keygen made, and on the recovery sheet.',
  })
}

function wordsFor(line: string): string {
  if (/^age1/i.test(line)) return 'holds a public key, and the secret one belongs there'
  if (/^(age-encryption\.org|-----BEGIN AGE)/.test(line))
    return 'is encrypted itself; it has to be opened first (age -d)'
  if (line.startsWith('-----BEGIN')) return 'holds a key of another kind, not one of age'
  return 'holds something that is no age identity'
}
