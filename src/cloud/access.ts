/** How a vendor's API is reached, and as whom; each vendor takes what it knows. Plain data: it is sent to threads. */
export interface CloudAccess {
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  /** Certificates (PEM) of own authorities, besides the system's. */
  readonly certificates?: string | undefined
  /** Of the vendor's own configuration files. */
  readonly profile?: string | undefined
  /** AWS: the ARN of a role to take on. */
  readonly role?: string | undefined
  /** Explicit ones, where the vendor's chain is not wanted. */
  readonly credentials?: CloudCredentials | undefined
  /** Who carries requests to other hosts than this one. AWS only. */
  readonly proxies?: Proxies | undefined
}

/** As the usual variables of the environment name them: addresses, which may hold a password, and who is reached without. */
export interface Proxies {
  readonly http?: string | undefined
  readonly https?: string | undefined
  readonly without?: string | undefined
}

export type CloudCredentials =
  | {
      readonly kind: 'access-key'
      readonly id: string
      readonly secret: string
      readonly token?: string | undefined
    }
  /** Google: a service account's key file, as JSON text. Azure: a connection string, an account key or a SAS. */
  | { readonly kind: 'text'; readonly text: string }
