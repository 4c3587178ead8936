/** The configuration as the program takes it: checked, frozen, and with every default filled in. */
import type * as z from 'zod/mini'
import type { configSchema } from './schema.ts'

export type Config = z.infer<typeof configSchema>
export type RepositoryConfig = Config['repositories'][string]
export type EncryptionConfig = RepositoryConfig['encryption']

export interface LoadedConfig {
  readonly config: Config
  /** The file it came from; relative paths of secrets begin in its folder. */
  readonly path: string
  /** Where in the file this stands: `holdfast.yaml:3:5`. */
  readonly placeOf?: ((keys: readonly string[]) => string) | undefined
}
