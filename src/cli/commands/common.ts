/** Options that several commands share. */
import { value } from '../command.ts'
import { asText } from '../usage.ts'

export const repositoryOption = value(
  'NAME',
  asText,
  'The repository, by its name in the configuration (else the first one there).',
)
