/** The command line of the bench, as typed values. */
import { parseArgs } from 'node:util'

export const suites = [
  'backup',
  'restore',
  'wal',
  'startup',
  'dump',
  'restore-dump',
  'table',
  'many-files',
  'far',
] as const
export type Suite = (typeof suites)[number]

/** Whether the source is in the page cache when a run begins. Both tools get the same. */
export type Caches = 'warm' | 'cold'

/** Where both tools keep their repositories: in a folder, or in a bucket of a server that the bench starts. */
export const storages = ['file', 's3'] as const
export type StorageKind = (typeof storages)[number]

export interface BenchOptions {
  readonly storage: StorageKind
  /** Small data, for a look whether everything works. Its figures mean little. */
  readonly quick: boolean
  readonly runs: number
  readonly suites: ReadonlySet<Suite>
  readonly caches: Caches
  /** Writes bench/results/<date>.md. */
  readonly report: boolean
}

export const usage = `npm run bench -- [options]

  --quick            small data: shows that everything works, its figures mean little
  --runs N           alternating runs of each tool (5; 2 with --quick)
  --storage s3       in buckets of a local S3 server (Ceph) that speaks TLS, instead of folders
  --only LIST        of ${suites.join(',')} (all but dump, restore-dump, table and many-files;
                     far, with 40 ms of added round trip, and not startup with --storage s3)
  --many-files       the same with 200,000 small files, too
  --caches warm|cold whether the source is in the page cache when a run begins (warm)
  --no-report        prints the table, writes no file (so does --quick)

HOLDFAST_BENCH_DIR         where data, repositories and restores live (bench/.data)
HOLDFAST_BENCH_PGBACKREST  another pgbackrest than the one on the path`

export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      storage: { type: 'string', default: 'file' },
      only: { type: 'string' },
      'many-files': { type: 'boolean', default: false },
      caches: { type: 'string', default: 'warm' },
      'no-report': { type: 'boolean', default: false },
    },
  })
  const storage = parseStorage(values.storage)
  return {
    storage,
    quick: values.quick,
    runs: parseRuns(values.runs ?? (values.quick ? '2' : storage === 's3' ? '3' : '5')),
    suites: parseSuites(values.only, values['many-files'], storage),
    caches: parseCaches(values.caches),
    report: !values['no-report'] && !values.quick,
  }
}

function parseRuns(text: string): number {
  const runs = Number(text)
  if (!Number.isInteger(runs) || runs < 1 || runs > 100)
    throw new Error(`--runs: ${text} is not a number from 1 to 100`)
  return runs
}

const usual: Readonly<Record<StorageKind, readonly Suite[]>> = {
  file: ['backup', 'restore', 'wal', 'startup'],
  s3: ['backup', 'restore', 'wal', 'far'],
}

function parseSuites(only: string | undefined, manyFiles: boolean, storage: StorageKind): ReadonlySet<Suite> {
  const chosen = only === undefined ? usual[storage] : only.split(',').map(parseSuite)
  if (storage === 'file' && chosen.includes('far')) throw new Error('far goes with --storage s3')
  if (storage === 's3' && chosen.some(suite => ['dump', 'restore-dump', 'table'].includes(suite)))
    throw new Error('dumps and tables are measured in folders only')
  return new Set(manyFiles ? [...chosen, 'many-files' as const] : chosen)
}

function parseSuite(text: string): Suite {
  const suite = suites.find(known => known === text)
  if (suite === undefined) throw new Error(`--only: ${text} is none of ${suites.join(', ')}`)
  return suite
}

function parseStorage(text: string): StorageKind {
  const storage = storages.find(known => known === text)
  if (storage === undefined) throw new Error(`--storage: ${text} is none of ${storages.join(', ')}`)
  return storage
}

function parseCaches(text: string): Caches {
  if (text === 'warm' || text === 'cold') return text
  throw new Error(`--caches: ${text} is neither warm nor cold`)
}
