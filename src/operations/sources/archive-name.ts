/** How the archive in a repository is called: `main/archive`, wherever a repository is named. */

const suffix = '/archive'

export const archiveNameOf = (repository: string): string => repository + suffix

export const isArchiveName = (name: string): boolean => name.endsWith(suffix)

/** The repository in which it lies; of a repository itself, that one. */
export const repositoryOf = (name: string): string =>
  isArchiveName(name) ? name.slice(0, -suffix.length) : name
