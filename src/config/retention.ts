/** What is kept: the language of retention, for each kind of backup and for WAL. */
import * as z from 'zod/mini'
import { described, duration, integer, section, timeZone } from './values.ts'

const count = (what: string) => described(z.optional(integer(0, 10_000)), what)

const keep = section({
  last: count('So many of the newest.'),
  within: described(z.optional(duration()), 'All that are younger than this.', ['30d']),
  hourly: count('The newest of each of the last so many hours that have one.'),
  daily: count('Likewise for days.'),
  weekly: count('Likewise for weeks, which begin on Monday.'),
  monthly: count('Likewise for months.'),
  yearly: count('Likewise for years.'),
})

export const retention = section({
  backups: described(
    z.prefault(keep, {}),
    'Base backups; a backup is kept when any of these asks for it. Nothing said: all are kept.',
  ),
  snapshots: described(
    z.prefault(keep, {}),
    'Snapshots of volumes and of managed servers, likewise. Those of volumes do not count for `minimum`, nor does the window of WAL begin with one, as long as there is another good base backup.',
  ),
  dumps: described(
    z.prefault(keep, {}),
    'Dumps, likewise. Those of the same databases are a series of their own, and `minimum` counts for each.',
  ),
  drills: described(
    z.prefault(keep, {}),
    'Reports of drills, likewise. Those of the same kind from the same repository are a series of their own; the last of each, and the last that passed, always stay. Nothing said: all are kept.',
    [{ within: '730d' }],
  ),
  wal: described(
    z.optional(duration()),
    'WAL is kept so that every moment of this long can be restored. Nothing said: for as long as the oldest backup kept.',
    ['7d'],
  ),
  minimum: described(
    z._default(integer(1, 10_000), 1),
    'Never fewer good backups than this, however old they are. A backup with damaged pages does not count.',
  ),
  time_zone: described(
    z._default(timeZone(), 'UTC'),
    'Where days, weeks, months and years begin, for all of these and for the archive.',
    ['Europe/Berlin'],
  ),
})
