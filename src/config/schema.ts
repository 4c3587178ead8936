/**
 * The one description of the configuration file. Checking, types, defaults, docs/reference/configuration.md and the
 * JSON Schema for editors all come from it.
 *
 * zod/mini, since this is loaded for every WAL segment: it takes 4 ms where zod takes 13.
 */
import * as z from 'zod/mini'
import { limits } from '../base/limits.ts'
import { alerts } from './alerts.ts'
import { archives } from './archives.ts'
import { audit } from './audit.ts'
import { hooks } from './hooks.ts'
import { agent, jobs } from './jobs.ts'
import { metrics } from './metrics.ts'
import { objectStorage } from './object-storage.ts'
import { objectives } from './objectives.ts'
import { retention } from './retention.ts'
import { drills } from './drills.ts'
import { dumps } from './dumps.ts'
import { snapshots } from './snapshots.ts'
import { described, duration, integer, name, path, rate, section, secret, text, words } from './values.ts'

const encryption = z.union([
  described(z.literal('none'), 'Nothing is encrypted: whoever reads the storage reads the data.'),
  section({
    recipients: described(
      z.array(text('an age recipient', /^age1[a-z0-9-]+$/)).check(z.minLength(1)),
      'Public keys (age recipients) that everything is encrypted to; any one of their secret keys opens it.',
      ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'],
    ),
    identity: described(
      z.optional(secret()),
      'The secret key (age identity). Needed to restore and verify, not to back up: leave it out on the database host.',
      [{ file: '/etc/holdfast/identity.txt' }],
    ),
  }),
])

const repository = section({
  url: described(
    text(
      'a URL',
      /^[a-z][a-z0-9+]*:\/\/.+/,
      ': s3://bucket/prefix, say, or file:///srv/backups for a folder',
    ),
    'Where it is: `file:///absolute/path`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.',
    ['file:///srv/backups', 's3://gathr-backups/postgres'],
  ),
  encryption: described(encryption, 'To whom everything stored is encrypted, or the word `none`.'),
  copy_of: described(
    z.optional(name()),
    'The repository that this one is filled from, without touching PostgreSQL. Nothing else writes to it.',
    ['main'],
  ),
  retention: described(
    z.optional(retention),
    'What is kept here, when it is not what `retention` says for all.',
  ),
  ...objectStorage,
})

const postgres = section({
  connection: described(
    secret(),
    'How to reach the server: a connection URI or `key=value` words, as libpq takes them.',
    ['postgresql://postgres@/postgres?host=/run/postgresql'],
  ),
  data_directory: described(
    z.optional(path()),
    'The data directory as this host sees it. Without it, the server is asked.',
    ['/var/lib/postgresql/17/main'],
  ),
  bin_directory: described(
    z.optional(path()),
    'Where `postgres` and `pg_ctl` lie, for `restore --start`. Without it, the usual places are searched.',
    ['/usr/lib/postgresql/17/bin'],
  ),
  primary: described(
    z.optional(secret()),
    'How to reach the primary, when `connection` is a standby that backups are taken from.',
    ['postgresql://backup@db1.example.com/postgres'],
  ),
})

const backups = section({
  checkpoint: described(
    z._default(words(['fast', 'spread']), 'fast'),
    "How a backup begins: `fast` makes a checkpoint at once, `spread` waits for one at the server's own pace.",
  ),
  wal_stall: described(
    z.prefault(duration(), '5m'),
    'At the end of a backup its WAL is waited for as long as archiving makes progress; with none for so long, give up.',
  ),
})

const wal = section({
  durable_in: described(
    z._default(integer(1, 16), 1),
    'In how many repositories a segment must be durable before PostgreSQL is told so. The others follow by themselves.',
  ),
  push_ahead: described(
    z._default(integer(0, limits.workersMax), 2),
    'How many segments are pushed at the same time when several wait; 0: each `wal push` stores its own file and no other.',
  ),
  fetch_ahead: described(
    z._default(z.boolean(), true),
    'Whether `wal get` has the next segments fetched while PostgreSQL replays the last one.',
  ),
})

const rates = section({
  read: described(
    z.optional(rate()),
    'How fast the data directory is read by backups, and databases by dumps; all threads and streams of one run together.',
    ['200MiB/s'],
  ),
  network: described(
    z.optional(rate()),
    'How fast is sent to and fetched from repositories, all of them together, by each run that moves backups or dumps.',
    ['50MiB/s'],
  ),
})

export const configSchema = section({
  cluster: described(name(), 'The name of the cluster: its folder in every repository.', ['gathr']),
  postgres: described(postgres, 'The server.'),
  repositories: described(
    z
      .record(name(), repository)
      .check(z.refine(given => Object.keys(given).length > 0, { error: 'names no repository' })),
    'Where backups and WAL are kept, by names of your choice. The first is the one that commands use unless told.',
  ),
  compression: described(
    z.prefault(
      section({
        level: described(z._default(integer(1, 19), 3), 'zstd level: higher is smaller and slower.'),
      }),
      {},
    ),
    'How what is stored is compressed.',
  ),
  workers: described(
    z._default(z.union([z.literal('auto'), integer(1, limits.workersMax)]), 'auto'),
    'Threads that read, check, compress and encrypt; `auto` takes one for each core, at most eight.',
  ),
  limits: described(
    z.prefault(rates, {}),
    'How fast one run may go at most. `wal push` and `wal get` are never held up. `holdfast agent limit` changes it while jobs run.',
  ),
  write: described(
    z._default(words(['first', 'all']), 'first'),
    'Where backups and WAL are written: to the `first` repository, or to `all` that are not a copy of another, at once.',
  ),
  metrics: described(z.prefault(metrics, {}), 'What monitoring is told, and how: docs/metrics.md.'),
  retention: described(z.prefault(retention, {}), 'What is kept, and for how long.'),
  objectives: described(
    z.prefault(objectives, {}),
    'What is promised: `holdfast status` says whether it holds.',
  ),
  backups: described(z.prefault(backups, {}), 'How base backups are taken.'),
  dumps: described(z.prefault(dumps, {}), 'How databases are dumped: `holdfast dump`.'),
  snapshots: described(z.optional(snapshots), 'Snapshots of volumes as base backups: `holdfast snapshot`.'),
  drills: described(z.prefault(drills, {}), 'How restores are proven: `holdfast drill`.'),
  archives: described(
    z._default(archives, {}),
    'What is kept for years, by rules with names of your choice: `holdfast archive` carries them out.',
    [{ monthly: { of: 'backups', keep: '1y' } }],
  ),
  prices: described(
    z.optional(z.string()),
    'A file with what the storage asks for, in the form of src/policy/cost/prices.json; relative to this one. Else list prices are taken.',
  ),
  jobs: described(
    z._default(jobs, {}),
    'What runs by itself, by names of your choice: `holdfast agent` carries it out, or the timers that `holdfast policy systemd` prints. `backup: daily at 02:00` is short for `backup: { at: daily at 02:00 }`.',
    [{ backup: 'daily', nightly: { at: '30 2 * * *', run: 'dump --jobs 4' } }],
  ),
  agent: described(z.prefault(agent, {}), 'How `holdfast agent` works.'),
  alerts: described(z.optional(alerts), 'Who hears of what is wrong. docs/alerts.md tells how.'),
  wal: described(z.prefault(wal, {}), 'How WAL is fetched.'),
  hooks: described(
    z.prefault(hooks, {}),
    'Commands of your own before and after operations, by the name of the command or `*` for all. docs/hooks.md tells what they are given.',
  ),
  audit: described(
    z.prefault(audit, {}),
    'The audit trail: who did what, with what result. docs/audit.md tells more.',
  ),
})
