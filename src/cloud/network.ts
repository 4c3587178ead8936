/** What a client throws when no answer came at all, as a fault. */
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import { isNotTls, tlsTrouble } from './tls-trouble.ts'

/** Which service is meant: the storage of a repository, or a vendor's API for volumes and servers. */
export type UnavailableCode = 'STORAGE_UNAVAILABLE' | 'CLOUD_UNAVAILABLE'

/** Faults and the reasons of aborted signals pass as they are. */
export function unreachable(
  error: unknown,
  location: string,
  what: string,
  signal: AbortSignal,
  unavailable: UnavailableCode = 'STORAGE_UNAVAILABLE',
): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof Fault) return error
  const code = codeOf(error)
  const message = `${location}: ${what} failed: ${networkWords(error)}`
  const tls = tlsTrouble(code, messageOf(error))
  if (tls) {
    const { isConfiguration, hint } = tls
    return new Fault(isConfiguration ? 'CONFIG_INVALID' : unavailable, message, { hint, cause: error })
  }
  return new Fault(unavailable, message, {
    hint: 'Check the network between this host and that service, and its address (endpoint).',
    cause: error,
  })
}

/** Why no answer came. */
export function networkWords(error: unknown): string {
  if (isNotTls(messageOf(error))) return 'what answers there does not speak TLS'
  return wordsFor(codeOf(error)) ?? messageOf(error)
}

/** Of the error itself or of one of those that caused it. */
function codeOf(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined
  return errnoOf(error) ?? codeOf(error.cause, depth + 1)
}

function wordsFor(code: string | undefined): string | undefined {
  return code === undefined ? undefined : `${words[code] ?? 'the connection broke'} (${code})`
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'names can not be resolved now',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ERR_STREAM_PREMATURE_CLOSE: 'the answer broke off',
  ETIMEDOUT: 'the connection could not be made in time',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of an authority that is not known here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}
