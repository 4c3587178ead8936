/** What `init` has to know: from the options, or by asking. */
import { usageFault } from '../usage.ts'
import type { Terminal } from '../terminal.ts'
import type { SetupAnswers } from '../../operations/setup/set-up.ts'

export interface GivenAnswers {
  readonly cluster: string | undefined
  readonly connection: string | undefined
  readonly repository: string | undefined
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
  const encrypt = !given.noEncryption && (await confirm(ask, 'Encrypt everything that is stored?', true))
  return { cluster, connection, repositoryUrl: asUrl(repository), encrypt }
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

function answersWithoutAsking({ cluster, connection, repository, noEncryption }: GivenAnswers): SetupAnswers {
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
  return repository.startsWith('/') ? `file://${repository}` : repository
}
