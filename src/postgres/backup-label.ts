/**
 * The two files that PostgreSQL gives at the end of a backup: `backup_label` tells a restored server where to begin
 * replay, `tablespace_map` where the links of pg_tblspc point.
 *
 * See build_backup_content in src/backend/access/transam/xlogbackup.c and read_tablespace_map in xlogrecovery.c.
 */
import { parseLsn, type Lsn } from '../wal/lsn.ts'

export interface BackupLabel {
  readonly startLsn: Lsn
  /** The segment that holds `startLsn`. */
  readonly startWal: string
  readonly checkpointLsn: Lsn
  readonly timeline: number
  readonly from: 'primary' | 'standby'
  readonly label: string
  /** In the server's log time zone, as PostgreSQL prints it; for people only. */
  readonly startTime: string
}

/** Undefined when it is not what PostgreSQL writes. */
export function parseBackupLabel(text: string): BackupLabel | undefined {
  const line = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? ''
  const start = /^([0-9A-F]+\/[0-9A-F]+) \(file ([0-9A-F]{24})\)$/.exec(line('START WAL LOCATION'))
  const startLsn = parseLsn(start?.[1] ?? '')
  const checkpointLsn = parseLsn(line('CHECKPOINT LOCATION'))
  const timeline = Number(line('START TIMELINE'))
  const from = line('BACKUP FROM')
  if (startLsn === undefined || checkpointLsn === undefined || !(timeline > 0)) return undefined
  if (from !== 'primary' && from !== 'standby') return undefined
  return {
    startLsn,
    startWal: start?.[2] ?? '',
    checkpointLsn,
    timeline,
    from,
    label: line('LABEL'),
    startTime: line('START TIME'),
  }
}

/** One line of `tablespace_map`: a link in pg_tblspc and where it points. */
export interface TablespaceLink {
  readonly oid: number
  readonly location: string
}

export function parseTablespaceMap(text: string): readonly TablespaceLink[] {
  const links: TablespaceLink[] = []
  // A backslash makes the next character, be it a line feed, part of the path.
  for (const [line] of text.matchAll(/(?:\\[\s\S]|[^\\\n])+/g)) {
    const match = /^(\d+) ([\s\S]+)$/.exec(line)
    if (match)
      links.push({ oid: Number(match[1]), location: (match[2] ?? '').replaceAll(/\\([\s\S])/g, '$1') })
  }
  return links
}

export function formatTablespaceMap(links: readonly TablespaceLink[]): string {
  return links
    .map(({ oid, location }) => `${String(oid)} ${location.replaceAll(/[\n\r\\]/g, '\\$&')}\n`)
    .join('')
}
