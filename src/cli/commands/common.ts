/** Options that several commands share. */
import { thawSpeeds } from '../../storage/second-ports.ts'
import { flag, value, valueOr, values } from '../command.ts'
import { asChoice, asText, asTime } from '../usage.ts'

export const repositoryOption = value(
  'NAME',
  asText,
  'The repository, by its name in the configuration (else the first one there).',
)

/** For commands that look at all repositories unless one is named. */
export const oneRepositoryOption = value('NAME', asText, 'Only this repository (else all that can be read).')

/** For commands that read from all repositories, object by object. */
export const sourceOptions = {
  repository: value(
    'NAME',
    asText,
    'The repository to read from first (else folders, then object storage, as they stand in the configuration); what it lacks is read from the others.',
  ),
  without: values(
    'NAME',
    asText,
    'Do not read this repository: it is lost for good, or not to be trusted. May be given several times.',
  ),
  asOf: value(
    'TIME',
    asPastTime,
    'Read the repositories as they were at that time: what was deleted or overwritten since is seen as it was then. Needs a bucket with versions.',
  ),
}

export const thawOption = valueOr(
  'SPEED',
  'standard',
  asChoice(...thawSpeeds),
  'Ask for what lies in a cold storage class, wait until it can be read, and go on: standard (as without a word), bulk (cheaper) or expedited.',
)

export const archivesOption = flag(
  'Look into the archives of the repositories, too, after all others (a restore from an archive asks for it).',
)

/** For commands that look at repositories one by one. */
export const asOfOption = sourceOptions.asOf

/** In whole milliseconds, as object storage counts them. */
function asPastTime(text: string): number {
  return Math.floor(asTime(text) / 1000)
}

export const skipErasuresOption = value(
  'REASON',
  asText,
  'Do not apply requests to forget a person (holdfast erase). The reason is written into the repository, and who gave it.',
)
