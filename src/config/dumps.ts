/** How databases are dumped: the defaults of `holdfast dump`. */
import * as z from 'zod/mini'
import { limits } from '../base/limits.ts'
import { described, duration, integer, section } from './values.ts'

const patterns = (doc: string) => described(z._default(z.array(z.string().check(z.minLength(1))), []), doc)

export const dumps = section({
  databases: patterns('The databases that are dumped when none is named; empty: all that allow connections.'),
  schemas: patterns('Only schemas that fit these patterns, as `pg_dump --schema`.'),
  exclude_schemas: patterns('Not these schemas.'),
  tables: patterns('Only tables that fit these patterns, as `pg_dump --table`.'),
  exclude_tables: patterns('Not these tables.'),
  exclude_table_data: patterns('These tables without their rows.'),
  jobs: described(
    z._default(integer(1, limits.dumpJobsMax), 1),
    'So many tables are dumped at the same time. More than 1 makes the shape of a directory.',
  ),
  lock_wait: described(
    z.optional(duration()),
    'How long a lock of somebody else on a table is waited for. Nothing said: as long as it lasts (with several jobs: a minute).',
    ['5m'],
  ),
})
