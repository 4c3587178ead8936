/** How volumes are snapshotted, and by what. */
import * as z from 'zod/mini'
import { cloud } from './cloud.ts'
import { described, duration, path, section, text, words } from './values.ts'

/** As in src/snapshots/provider.ts. */
export const snapshotProviders = [
  'btrfs',
  'reflink',
  'zfs',
  'lvm',
  'command',
  'aws-ebs',
  'gce-pd',
  // Of whole managed servers, as in src/snapshots/managed/server.ts.
  'aws-rds',
  'gcp-cloudsql',
] as const

const volume = section({
  mount: described(path(), 'Where it is mounted on this host.', ['/var/lib/postgresql']),
  id: described(text('a name', /^\S+$/), 'What the provider calls it.', ['vol-0a1b2c3d4e5f60718']),
})

const command = section({
  program: described(
    z.array(z.string()).check(z.minLength(1)),
    'The program and its first words. It is called without a shell; docs/snapshots.md says what it is asked and has to answer.',
    [['/usr/local/bin/san-snapshot']],
  ),
  restores: described(
    z._default(words(['trees', 'volumes']), 'volumes'),
    'What its `restore` makes: a new volume that is mounted at the place (`volumes`), or a copy of one folder (`trees`).',
  ),
})

export const snapshots = section({
  provider: described(words(snapshotProviders), 'What makes the snapshots.'),
  volumes: described(
    z._default(z.array(volume), []),
    'Volumes whose names the provider can not find out from where they are mounted.',
  ),
  directories: described(
    z._default(z.array(path()), []),
    'btrfs and reflink: folders in which snapshots are kept, one for each file system; else `.holdfast-snapshots` beside the volume or at the top of its file system.',
    [['/srv/pg/.holdfast-snapshots']],
  ),
  prefix: described(
    z._default(z.array(z.string()), []),
    'btrfs, zfs and lvm: words before each program, where the user who runs Holdfast has not the rights.',
    [['sudo', '-n']],
  ),
  command: described(z.optional(command), 'For `provider: command`.'),
  time_limit: described(
    z.prefault(duration(), '10m'),
    'How long one call of a program, or the wait for a snapshot that is on its way, may take.',
  ),
  ...cloud,
})
