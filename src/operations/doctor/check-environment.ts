/**
 * Whether the credentials that this shell has reach archive_command, too: PostgreSQL runs it, with its own environment. What works
 * by hand and fails under the server is found here, before WAL piles up.
 */
import type { Config, RepositoryConfig } from '../../config/config.ts'
import type { ServerEnvironment } from '../../postgres/server-environment.ts'
import { advice, problem, type Finding } from './finding.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** By which the vendors' own programs, and so Holdfast, find credentials. */
const vendorNames: Readonly<Record<string, readonly string[]>> = {
  s3: [
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_PROFILE',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_CONFIG_FILE',
    'AWS_ROLE_ARN',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  ],
  gs: ['GOOGLE_APPLICATION_CREDENTIALS'],
  az: [
    'AZURE_STORAGE_CONNECTION_STRING',
    'AZURE_STORAGE_ACCOUNT',
    'AZURE_STORAGE_KEY',
    'AZURE_STORAGE_SAS_TOKEN',
    'AZURE_TENANT_ID',
    'AZURE_CLIENT_ID',
    'AZURE_CLIENT_SECRET',
    'AZURE_CLIENT_CERTIFICATE_PATH',
    'AZURE_FEDERATED_TOKEN_FILE',
  ],
}

/** `command` is the server's archive_command, which may set variables itself. */
export function checkEnvironment(
  { repositories }: Pick<Config, 'repositories'>,
  ours: Environment,
  { pid, variables }: ServerEnvironment,
  command: string,
): readonly Finding[] {
  const isLacking = (name: string): boolean =>
    filled(ours[name]) &&
    !filled(variables[name]) &&
    !command.split(/\s+/).some(word => word.startsWith(`${name}=`))
  const place = `PostgreSQL's environment (process ${String(pid)}): archive_command runs without`
  return Object.entries(repositories).flatMap(([name, repository]) => {
    const asked = namesAskedFor(repository).filter(isLacking)
    if (asked.length > 0)
      return [
        problem(
          'archiving',
          `${listed(asked)}, which repositories.${name} asks for, ${be(asked)} set here and not in ${place} ${it(asked)}`,
          howToGive,
        ),
      ]
    const vendor = vendorNames[repository.url.split(':', 1)[0] ?? ''] ?? []
    const given = vendor.filter(isLacking)
    // It may have other ones of its own.
    if (repository.credentials || given.length === 0 || vendor.some(one => filled(variables[one]))) return []
    return [
      advice(
        'archiving',
        `${listed(given)} ${be(given)} set here and not in ${place} ${it(given)}, and finds other credentials for ${name} or none`,
        howToGive,
      ),
    ]
  })
}

/** `${NAME}` in what the configuration says of it. */
function namesAskedFor({ credentials }: RepositoryConfig): readonly string[] {
  const texts = Object.values(credentials ?? {}).flatMap(source =>
    source?.kind === 'text' ? [source.text.reveal()] : [],
  )
  return texts.flatMap(text => Array.from(text.matchAll(/\$\{([^}]*)\}/g), ([, name = '']) => name))
}

const filled = (value: string | undefined): boolean => value !== undefined && value !== ''
const listed = (names: readonly string[]): string => names.join(', ')
const be = (names: readonly string[]): string => (names.length === 1 ? 'is' : 'are')
const it = (names: readonly string[]): string => (names.length === 1 ? 'it' : 'them')

const howToGive =
  'Give the server the same (Environment= or EnvironmentFile= of its systemd unit; on Debian /etc/postgresql/MAJOR/NAME/environment) and restart it, or put credentials into the configuration as { file: … }, which PostgreSQL may read.'
