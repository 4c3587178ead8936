/** Where objects lie: `s3://bucket/prefix`, and from our keys to the server's and back. */
import { Fault } from '../../../base/fault.ts'

export interface Place {
  readonly bucket: string
  /** For people. */
  readonly location: string
  /** The server's name for a key, or for the beginning of one. */
  readonly full: (key: string) => string
  /** Our key for one of the server's names that begins with our prefix. */
  readonly own: (name: string) => string
}

export function placeOf(url: URL): Place {
  const bucket = url.hostname
  const prefix = trimmed(decodeURIComponent(url.pathname))
  if (bucket === '' || url.search !== '' || url.hash !== '' || url.username !== '' || url.port !== '') {
    throw new Fault('CONFIG_INVALID', `${withoutSecrets(url)} does not name a bucket`, {
      hint: 'Write s3://bucket/prefix, and everything else (endpoint, region, credentials) under keys of its own.',
    })
  }
  const before = prefix === '' ? '' : `${prefix}/`
  return {
    bucket,
    location: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    full: key => before + key,
    own: name => name.slice(before.length),
  }
}

const trimmed = (path: string): string => path.replace(/^\/+|\/+$/g, '')

/** People write credentials into URLs; they are not repeated. */
function withoutSecrets(url: URL): string {
  return `${url.protocol}//${url.hostname}${url.pathname}`
}
