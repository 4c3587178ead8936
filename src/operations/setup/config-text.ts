/** The configuration file that `init` writes: small, with comments, and right as it stands. */

export interface ConfigAnswers {
  readonly cluster: string
  readonly connection: string
  readonly repositoryUrl: string
  readonly access: AccessAnswers
  readonly encryption: 'none' | { readonly recipient: string; readonly identityFile: string }
}

/** How to reach object storage, as far as the vendor's own configuration does not say it. Never credentials. */
export interface AccessAnswers {
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly pathStyle?: boolean | undefined
  readonly caFile?: string | undefined
  readonly profile?: string | undefined
  readonly writeOnce?: 'conditional' | 'check' | undefined
}

export function configText({
  cluster,
  connection,
  repositoryUrl,
  access,
  encryption,
}: ConfigAnswers): string {
  return `# Holdfast: what is backed up, and where to. docs/reference/configuration.md lists every key.

cluster: ${scalar(cluster)}

postgres:
  # As libpq takes it. Passwords are better kept out of here: \${NAME} of the environment, { file: … } or ~/.pgpass.
  connection: ${scalar(connection)}

repositories:
  main:
    url: ${scalar(repositoryUrl)}
${accessText(repositoryUrl, access)}${encryptionText(encryption)}
compression: { level: 3 }
workers: auto
`
}

function accessText(url: string, access: AccessAnswers): string {
  if (url.startsWith('file:')) return ''
  const { endpoint, region, pathStyle, caFile, profile, writeOnce } = access
  const line = (key: string, value: string | undefined): string =>
    value === undefined ? '' : `    ${key}: ${scalar(value)}\n`
  return [
    line('endpoint', endpoint),
    line('region', region),
    pathStyle === true ? '    path_style: true\n' : '',
    line('ca_file', caFile),
    line('profile', profile),
    writeOnce === 'check'
      ? '    # The server does not refuse a second write: each write looks first, and two at the same moment are kept apart\n' +
        '    # by nothing but the lease. See docs/rights.md.\n    write_once: check\n'
      : '',
    "    # Credentials are found as the vendor's own tools find them: environment, profile, web identity, instance.\n",
    '    # What they are meant to do; `holdfast policy` makes the policies, and `holdfast doctor` compares.\n',
    '    # rights: writer\n',
  ].join('')
}

function encryptionText(encryption: ConfigAnswers['encryption']): string {
  if (encryption === 'none')
    return `    # Whoever can read the storage can read the data.\n    encryption: none\n`
  return `    encryption:
      # Everything is encrypted to these public keys.
      recipients:
        - ${scalar(encryption.recipient)}
      # The secret key. Needed to restore and to verify, not to back up: on a host that only backs up, keep the file
      # elsewhere and remove this line.
      identity: { file: ${scalar(encryption.identityFile)} }
`
}

/** As plain YAML where that is safe, else in double quotes, in which YAML reads what JSON writes. */
function scalar(text: string): string {
  return /^[A-Za-z/][\w/.@=?&%+-]*(?::[\w/.@=?&%+-]+)*$/.test(text) &&
    !/^(?:true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text)
}
