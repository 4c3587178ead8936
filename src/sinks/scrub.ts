/** Takes secrets out of what others say: servers like to repeat the path that they were asked for. */

const hidden = '***'
/** Shorter parts of a path are words: `services`, `hooks`. */
const partCharsMin = 8

export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const parts = secrets.flatMap(partsOf).filter(part => part.length > 1)
  // The longest first, so that none hides only a piece of another.
  return parts
    .toSorted((a, b) => b.length - a.length)
    .reduce((left, part) => left.replaceAll(part, hidden), text)
}

function partsOf(secret: string): readonly string[] {
  if (!URL.canParse(secret)) return [secret]
  const { href, pathname, search, username, password } = new URL(secret)
  const parts = `${pathname}&${search.slice(1)}`.split(/[/&=]/).filter(part => part.length >= partCharsMin)
  return [secret, href, pathname + search, pathname, search, username, password, ...parts]
}
