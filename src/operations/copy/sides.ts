/**
 * The two sides of a copy, and how what one side holds is sealed on the other: as it is, or re-wrapped for other
 * recipients. Encrypted data is not decrypted for a copy, and data that lies open is not encrypted: that would make other
 * data of it, which nobody could hold against the source any more.
 */
import { Fault } from '../../base/fault.ts'
import { assertRewrappable, type Rewrapping } from '../../pipeline/age-rewrap.ts'
import type { Repository } from '../../repository/repository.ts'

export interface CopySide {
  /** In the configuration. */
  readonly name: string
  readonly repository: Repository
  /** To whom the configuration seals what is written here; none: to nobody. */
  readonly recipients: readonly string[]
  /** Secret keys that open what lies here; none when the configuration names none. */
  readonly identities: readonly string[]
}

export type SealingSide = Pick<CopySide, 'name' | 'recipients' | 'identities'>

/** `undefined`: byte by byte. CONFIG_INVALID when one side is encrypted and the other is not; KEY_MISSING without a key. */
export function rewrappingFor(
  from: SealingSide,
  to: Pick<CopySide, 'name' | 'recipients'>,
): Rewrapping | undefined {
  assertLikeSealed(from, to)
  if (isSameSet(from.recipients, to.recipients)) return undefined
  assertRewrappable(to.recipients)
  if (from.identities.length === 0) throw keyMissing(from, to)
  return { identities: from.identities, recipients: to.recipients }
}

/** What has other recipients than the configuration says of its repository (older ones) needs its own answer. */
export function rewrappingOf(
  recipients: readonly string[],
  rewrapping: Rewrapping | undefined,
): Rewrapping | undefined {
  return rewrapping && isSameSet(recipients, rewrapping.recipients) ? undefined : rewrapping
}

/** OBJECT_CORRUPT is not meant: the object is right, it just can not go there. */
export function assertMayGo(
  what: string,
  isSealed: boolean,
  to: Pick<CopySide, 'name' | 'recipients'>,
): void {
  if (isSealed || to.recipients.length === 0) return
  throw new Fault('CONFIG_INVALID', `${what} is not encrypted, and "${to.name}" holds only what is`, {
    hint: `Leave it where it is: it ends with its retention. To copy it, give "${to.name}" \`encryption: none\`.`,
  })
}

export function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const [one, other] = [new Set(a), new Set(b)]
  return one.size === other.size && one.isSubsetOf(other)
}

function assertLikeSealed(from: SealingSide, to: Pick<CopySide, 'name' | 'recipients'>): void {
  const [isFrom, isTo] = [from.recipients.length > 0, to.recipients.length > 0]
  if (isFrom === isTo) return
  const [sealed, open] = isFrom ? [from, to] : [to, from]
  throw new Fault(
    'CONFIG_INVALID',
    `"${sealed.name}" is encrypted and "${open.name}" is not, so neither can be a copy of the other`,
    {
      hint: `Give both \`encryption: none\`, or both recipients; they need not be the same. For one of each, \`write: all\` fills both.`,
    },
  )
}

function keyMissing(from: SealingSide, to: Pick<CopySide, 'name'>): Fault {
  return new Fault(
    'KEY_MISSING',
    `"${to.name}" has other recipients than "${from.name}", and no identity of "${from.name}" is configured`,
    {
      hint:
        `Name the secret key in repositories.${from.name}.encryption.identity where copies are made: the keys of the ` +
        'objects are wrapped anew with it. Or give both repositories the same recipients.',
    },
  )
}
