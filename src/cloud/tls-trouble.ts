/** What is wrong with the encrypted connection to a server, mostly with its certificate, and whose fault that is. Decides only. */

export interface TlsTrouble {
  /** Whether the configuration of this host can mend it; else it is the server's own trouble. */
  readonly isConfiguration: boolean
  readonly hint: string
}

const known: Readonly<Record<string, TlsTrouble>> = {
  CERT_HAS_EXPIRED: {
    isConfiguration: false,
    hint: 'Have the certificate renewed by whoever runs that server, and see that the server shows the new one; if it is not old, set the clock of this host right.',
  },
  CERT_NOT_YET_VALID: {
    isConfiguration: false,
    hint: 'Set the clock of this host right: the certificate is valid from a later time on.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    isConfiguration: true,
    hint: 'Set `endpoint` to a name that the certificate is for; for S3, `path_style: true` keeps the name of the bucket out of the host name.',
  },
}

const ofAuthority: TlsTrouble = {
  isConfiguration: true,
  hint: "Name the file with the authority's certificates (PEM) under `ca_file` of the repository, or put them into the system's.",
}

const notSpoken: TlsTrouble = {
  isConfiguration: true,
  hint: 'Set `endpoint` to http://…, or to the port on which that server speaks TLS: on this one it does not.',
}

/** By the error that Node.js throws; undefined when it is about something else. */
export function tlsTrouble(code: string | undefined, message: string): TlsTrouble | undefined {
  if (code === undefined) return undefined
  if (isNotTls(message)) return notSpoken
  return known[code] ?? (aboutCertificates.test(code) ? ofAuthority : undefined)
}

const aboutCertificates =
  /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(VERIFY|GET)|CERT_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA)/

/** OpenSSL's words, when what answers is plain HTTP, say that to nobody. */
export const isNotTls = (message: string): boolean => message.includes('wrong version number')
