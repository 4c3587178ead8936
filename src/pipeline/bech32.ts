/** Bech32 (BIP 173): the text form of age's keys. */

const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const checksumLength = 6
const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

/** The bytes, when the text is well formed and has this prefix (`age`); letters of both cases must not be mixed. */
export function decodeBech32(text: string, prefix: string): Uint8Array | undefined {
  const lower = text.toLowerCase()
  if (text !== lower && text !== text.toUpperCase()) return undefined
  const separator = lower.lastIndexOf('1')
  if (lower.slice(0, separator) !== prefix) return undefined
  const digits = [...lower.slice(separator + 1)].map(letter => alphabet.indexOf(letter))
  if (digits.includes(-1) || digits.length < checksumLength || !isChecksumRight(prefix, digits))
    return undefined
  return toBytes(digits.slice(0, -checksumLength))
}

function isChecksumRight(prefix: string, digits: readonly number[]): boolean {
  const codes = [...prefix].map(letter => letter.charCodeAt(0))
  const values = [...codes.map(code => code >>> 5), 0, ...codes.map(code => code & 31), ...digits]
  return values.reduce(step, 1) === 1
}

function step(checksum: number, value: number): number {
  const top = checksum >>> 25
  const shifted = ((checksum & 0x1ffffff) << 5) ^ value
  return generator.reduce((sum, term, bit) => ((top >>> bit) & 1 ? sum ^ term : sum), shifted)
}

/** Five bits a digit; what is left over at the end must be zeros, and less than a digit. */
function toBytes(digits: readonly number[]): Uint8Array | undefined {
  const bytes: number[] = []
  let [held, heldBits] = [0, 0]
  for (const digit of digits) {
    held = ((held << 5) | digit) & 0xfff
    heldBits += 5
    if (heldBits < 8) continue
    heldBits -= 8
    bytes.push((held >>> heldBits) & 0xff)
  }
  return heldBits < 5 && (held & ((1 << heldBits) - 1)) === 0 ? Uint8Array.from(bytes) : undefined
}
