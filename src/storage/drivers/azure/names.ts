/**
 * Names of blobs. Azure takes a backslash in a name for a slash, which would make two keys one; so it is written `%5C`,
 * and what looks like that in a key gets a `%25` more for its `%`.
 */

export function nameFor(key: string): string {
  return key.replace(/%((?:25)*)5C/g, '%25$15C').replaceAll('\\', '%5C')
}

export function keyOfName(name: string): string {
  return name.replace(/%((?:25)*)5C/g, (_, more: string) => (more === '' ? '\\' : `%${more.slice(2)}5C`))
}
