/** What `init` has to know: from the options, or by asking. */
import { asAddress, usageFault } from '../usage.ts'
import type { Terminal } from '../terminal.ts'
import type { AccessAnswers } from '../../operations/setup/config-text.ts'
import type { SetupAnswers } from '../../operations/setup/set-up.ts'

export interface GivenAnswers {
  readonly cluster: string | undefined
  readonly connection: string | undefined
  readonly repository: string | undefined
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly pathStyle?: boolean
  readonly caFile?: string | undefined
  readonly profile?: string | undefined
  readonly writeOnce?: 'conditional' | 'check' | undefined
  readonly noEncryption: boolean
  readonly yes: boolean
}

const usualConnection = 'postgresql://postgres@/postgres?host=/run/postgresql'
const usualCluster = 'main'

export async function collectAnswers(
  given: GivenAnswers,
  { ask }: Pick<Terminal, 'ask'>,
): Promise<SetupAnswers> {
  if (given.yes || !ask) return answersWithoutAsking(given)
  const askFor = async (question: string, usual: string): Promise<string> => {
    const answer = await ask(usual === '' ? `${question}: ` : `${question} [${usual}]: `)
    return answer === '' ? usual : answer
  }
  const connection = given.connection ?? (await askFor('How to reach PostgreSQL', usualConnection))
  const cluster = given.cluster ?? (await askFor('A name for this cluster', usualCluster))
  const repository =
    given.repository ?? (await askUntilGiven(() => askFor('Where to keep backups, a folder or a URL', '')))
  const repositoryUrl = asUrl(repository)
  const access = await askForAccess(given, repositoryUrl, askFor)
  const encrypt = !given.noEncryption && (await confirm(ask, 'Encrypt everything that is stored?', true))
  return { cluster, connection, repositoryUrl, access, encrypt }
}

/** Only what nobody else can know: the rest has good defaults, or stands in the vendor's own files. */
async function askForAccess(
  given: GivenAnswers,
  url: string,
  askFor: (question: string, usual: string) => Promise<string>,
): Promise<AccessAnswers> {
  const access = accessOf(given)
  if (!url.startsWith('s3:')) return access
  const endpoint = access.endpoint ?? orNothing(await askFor("The S3 server's address (Enter: Amazon's)", ''))
  const region =
    access.region ?? orNothing(await askFor("The bucket's region (Enter: as the AWS tools have it)", ''))
  return { ...access, endpoint: endpoint === undefined ? undefined : asAddress(endpoint), region }
}

const orNothing = (answer: string): string | undefined => (answer === '' ? undefined : answer)

export function accessOf({
  endpoint,
  region,
  pathStyle,
  caFile,
  profile,
  writeOnce,
}: GivenAnswers): AccessAnswers {
  return { endpoint, region, pathStyle: pathStyle === true ? true : undefined, caFile, profile, writeOnce }
}

/** `Y/n`: what just pressing Enter means is the capital letter. */
export async function confirm(
  ask: NonNullable<Terminal['ask']>,
  question: string,
  usual: boolean,
): Promise<boolean> {
  for (;;) {
    const answer = (await ask(`${question} ${usual ? '[Y/n]' : '[y/N]'} `)).toLowerCase()
    if (answer === '') return usual
    if (['y', 'yes'].includes(answer)) return true
    if (['n', 'no'].includes(answer)) return false
  }
}

function answersWithoutAsking(given: GivenAnswers): SetupAnswers {
  const { cluster, connection, repository, noEncryption } = given
  if (repository === undefined) {
    throw usageFault(
      'it is not said where backups are to be kept',
      'Add --repository URL, for example --repository file:///srv/backups.',
    )
  }
  return {
    cluster: cluster ?? usualCluster,
    connection: connection ?? usualConnection,
    repositoryUrl: asUrl(repository),
    access: accessOf(given),
    encrypt: !noEncryption,
  }
}

async function askUntilGiven(askOnce: () => Promise<string>): Promise<string> {
  for (;;) {
    const answer = await askOnce()
    if (answer !== '') return answer
  }
}

/** People may give a folder. */
export function asUrl(repository: string): string {
  if (repository.startsWith('/')) return `file://${repository}`
  if (/^[a-z][a-z0-9+]*:\/\/./.test(repository)) return repository
  throw usageFault(
    `"${repository}" is neither the absolute path of a folder nor a URL`,
    'Write /srv/backups for a folder, and for a bucket s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.',
  )
}
