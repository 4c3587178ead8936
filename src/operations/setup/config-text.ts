/** The configuration file that `init` writes: small, with comments, and right as it stands. */

export interface ConfigAnswers {
  readonly cluster: string
  readonly connection: string
  readonly repositoryUrl: string
  readonly encryption: 'none' | { readonly recipient: string; readonly identityFile: string }
}

export function configText({ cluster, connection, repositoryUrl, encryption }: ConfigAnswers): string {
  return `# Holdfast: what is backed up, and where to. docs/reference/configuration.md lists every key.

cluster: ${scalar(cluster)}

postgres:
  # As libpq takes it. Passwords are better kept out of here: \${NAME} of the environment, { file: … } or ~/.pgpass.
  connection: ${scalar(connection)}

repositories:
  main:
    url: ${scalar(repositoryUrl)}
${encryptionText(encryption)}
compression: { level: 3 }
workers: auto
`
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
