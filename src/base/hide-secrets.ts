/** Takes out of a text what looks like a secret: passwords in connection strings and URLs, and secret keys. */
export function hideSecrets(text: string): string {
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, '$1:***@')
    .replace(
      /\b(\w*(?:password|passfile|secret|token|access_?key|signature|sig)\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)/gi,
      '$1***',
    )
    .replace(/AGE-SECRET-KEY-[A-Z0-9-]+/gi, '***')
}
