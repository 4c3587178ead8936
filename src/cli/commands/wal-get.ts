/** `holdfast wal get NAME DEST`: PostgreSQL's restore_command. Loaded for every segment, so it imports little. */
import { argument, defineCommand } from '../command.ts'
import { repositoryOption } from './common.ts'

/** Above 125 PostgreSQL stops recovery; anything less it takes for the end of the archive, and promotes. */
const couldNotTell = 126

export const walGet = defineCommand({
  words: ['wal', 'get'],
  summary: 'Fetch one WAL file. For restore_command.',
  description:
    'Exits with 0 when the file is in place, with 1 when it does not exist in the repository, and with 126 when that could ' +
    'not be told (storage not reached, file damaged, wrong key): PostgreSQL then stops instead of promoting too early.',
  arguments: {
    name: argument('NAME', 'The file, as PostgreSQL gives it in %f.'),
    destination: argument('DEST', 'Where to put it, as PostgreSQL gives it in %p.'),
  },
  options: { repository: repositoryOption },
  examples: [
    {
      command: "restore_command = '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal get %f %p'",
      doc: 'In postgresql.conf; `holdfast restore` writes it.',
    },
  ],
  failureStatus: () => couldNotTell,
  run() {
    throw new Error('wal get is not wired yet')
  },
})
