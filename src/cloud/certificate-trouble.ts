/** What is wrong with the certificate that a server showed, and whose fault that is. Decides only. */

export interface CertificateTrouble {
  /** Whether the configuration of this host can mend it; else it is the server's own trouble. */
  readonly isConfiguration: boolean
  readonly hint: string
}

const known: Readonly<Record<string, CertificateTrouble>> = {
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

const ofAuthority: CertificateTrouble = {
  isConfiguration: true,
  hint: "Name the file with the authority's certificates (PEM) under `ca_file` of the repository, or put them into the system's.",
}

/** By the code of the error that Node.js throws; undefined when it is about something else. */
export function certificateTrouble(code: string | undefined): CertificateTrouble | undefined {
  if (code === undefined) return undefined
  return known[code] ?? (aboutCertificates.test(code) ? ofAuthority : undefined)
}

const aboutCertificates =
  /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(VERIFY|GET)|CERT_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA)/
