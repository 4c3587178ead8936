/** A token for Azure's storage with the claims of a real one; azurite looks at everything but the signature. */
export function azureTokenFor(lastsSeconds: number): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/',
    iat: now - 10,
    nbf: now - 10,
    exp: now + lastsSeconds,
  }
  const encoded = [{ alg: 'none', typ: 'JWT' }, claims].map(part =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return `${encoded.join('.')}.c2lnbmF0dXJl`
}
