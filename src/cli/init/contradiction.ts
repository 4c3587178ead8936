/**
 * Whether what was asked for is what the configuration says already. Then `init` goes on with the configuration: so the
 * very same command can be run again, whether it was cut off the first time or not.
 */
import type { Config } from '../../config/config.ts'
import type { AccessAnswers } from '../../operations/setup/config-text.ts'
import { flagOf } from '../command.ts'
import { accessOf, asUrl, type GivenAnswers } from './answers.ts'

/** The first option that says something else; undefined when none does. */
export function contradictionOf(given: GivenAnswers, config: Config): string | undefined {
  const { cluster, connection, repository, noEncryption } = given
  const places = Object.values(config.repositories)
  const place = repository === undefined ? places[0] : places.find(({ url }) => url === asUrl(repository))
  if (cluster !== undefined && cluster !== config.cluster) return '--cluster'
  if (connection !== undefined && connection !== textOf(config.postgres.connection)) return '--connection'
  if (place === undefined) return '--repository'
  if (noEncryption && place.encryption !== 'none') return '--no-encryption'
  const differs = Object.entries(accessOf(given)).find(
    ([key, wanted]) => wanted !== undefined && wanted !== place[key as keyof AccessAnswers],
  )
  return differs && flagOf(differs[0])
}

/** Undefined when it stands in a file or comes from a command: then it is not looked up for a comparison. */
function textOf(source: Config['postgres']['connection']): string | undefined {
  return source.kind === 'text' ? source.text.reveal() : undefined
}
