/** Drills: what `holdfast drill` restores, and what it asks of what came back. */
import * as z from 'zod/mini'
import { described, duration, name, path, section, share, text, words } from './values.ts'

export const drillKinds = ['backup', 'dump', 'snapshot'] as const
export type DrillKind = (typeof drillKinds)[number]

const assertion = section({
  database: described(z.string().check(z.minLength(1)), 'The database in which it is asked.', ['shop']),
  sql: described(
    z.string().check(z.minLength(1)),
    'A statement; the first value of its first row is what counts.',
    ['SELECT count(*) FROM orders'],
  ),
  equals: described(
    z.optional(z.union([z.string(), z.number(), z.boolean()])),
    'It has to be this. One of `equals`, `at_least` and `newer_than` is given.',
  ),
  at_least: described(z.optional(z.number()), 'It has to be a number, and not less than this.', [100_000]),
  newer_than: described(
    z.optional(duration()),
    'It has to be a time, not longer ago than this: from the drill when that restores the latest, else from the point to which it recovers.',
    ['1h'],
  ),
}).check(
  z.refine(
    ({ equals, atLeast, newerThan }) =>
      [equals, atLeast, newerThan].filter(one => one !== undefined).length === 1,
    { error: 'must have one of `equals`, `at_least` and `newer_than`' },
  ),
)

const application = section({
  command: described(
    z.string().check(z.minLength(1)),
    'Given to the shell. It finds the restored server in `DATABASE_URL` and in `PGHOST`, `PGPORT`, `PGUSER` and `PGDATABASE`; all went well when it ends with 0.',
    ['/srv/shop/bin/smoke-test'],
  ),
  database: described(
    z._default(z.string().check(z.minLength(1)), 'postgres'),
    'The database that these name.',
  ),
  user: described(
    z.optional(z.string().check(z.minLength(1))),
    'The role that these name. Nothing said: a superuser.',
  ),
  time_limit: described(z.prefault(duration(), '5m'), 'It fails when it takes longer.'),
})

export const drills = section({
  kinds: described(
    z._default(z.array(words(drillKinds)).check(z.minLength(1)), ['backup']),
    'What is restored, in turn: a base `backup` with replay of the WAL, a `dump`, a `snapshot` with replay.',
    [['backup', 'dump']],
  ),
  repositories: described(
    z._default(z.array(name()), []),
    'From which repositories, in turn: each drill reads one of them and no other. Nothing said: from all, as a restore does.',
    [['main', 'second']],
  ),
  target: described(
    z._default(words(['latest', 'random']), 'latest'),
    'To where: the `latest` point, or a `random` one of the window. Dumps have one point only; which dump is likewise the latest or a random one.',
  ),
  scratch: described(
    z.optional(path()),
    'The folder in which it is restored; it needs as much room as the cluster. Nothing said: the temporary folder.',
    ['/srv/drills'],
  ),
  time_limit: described(z.prefault(duration(), '12h'), 'A drill that takes longer has failed.'),
  question_time: described(
    z.prefault(duration(), '10m'),
    'So long each of the questions may take that read everything (visibility maps, amcheck, page checksums, counts of rows). The order is by chance, and what was not reached is told.',
  ),
  rows: described(
    z.prefault(
      section({
        live: described(
          z.prefault(share(), '20%'),
          'So much the rows of a table may differ from what the live server says of it, which is an estimate.',
        ),
        fall: described(
          z.prefault(share(), '10%'),
          'So many rows fewer than in the last drill a table may have.',
        ),
      }),
      {},
    ),
    'How many rows there have to be.',
  ),
  assertions: described(
    z._default(z.record(name(), assertion), {}),
    'What has to be true of the data, by names of your choice.',
    [{ recent_orders: { database: 'shop', sql: 'SELECT max(placed_at) FROM orders', newer_than: '1h' } }],
  ),
  application: described(
    z.optional(application),
    'A command that says whether the application can work with what came back.',
  ),
  signing_key: described(
    z.optional(path()),
    "The file with the secret key that reports are signed with; made when it is not there. Nothing said: `drill-key.pem` in the agent's folder, or in that of the user.",
    ['/etc/holdfast/drill-key.pem'],
  ),
  trusted_keys: described(
    z._default(z.record(name(), text('the key of a host', /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/)), {}),
    'Hosts whose signatures `drill verify` believes beside its own, by names of your choice; `holdfast drill key` shows the key of a host.',
    [{ db1: 'MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' }],
  ),
})
