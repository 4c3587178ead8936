/**
 * A made-up history of a cluster: transactions, restore points, base backups, promotions, and what of its WAL was
 * archived. The same history is told twice: as a repository sees it (segments, heads, backup.json), and as a plain list
 * of records, from which a test can say by itself where a recovery must end.
 */
import { readFileSync } from 'node:fs'
import { parseBackupRecord } from '../../src/repository/format/backup-json.ts'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import type { WalHead } from '../../src/repository/format/wal-head.ts'
import type { WalEntry } from '../../src/repository/wal-list.ts'
import type { WalStore } from '../../src/repository/wal-store.ts'
import { Fault } from '../../src/base/fault.ts'
import { scanCommitTimes } from '../../src/postgres/wal-records/commit-times.ts'
import type { RecordPlace } from '../../src/wal/events.ts'
import { formatLsn, type Lsn } from '../../src/wal/lsn.ts'
import { historyName, segmentName } from '../../src/wal/segment.ts'
import { isoMicros, type Micros } from '../../src/wal/time.ts'
import { WalWriter } from './wal-writer.ts'

export const segmentSizeBytes = 8 * 1024
const pageSizeBytes = 1024
const startOfTime = Date.UTC(2026, 2, 1) * 1000

/** What happens next, drawn by fast-check. */
export type Happening =
  | { readonly kind: 'commit' | 'abort'; readonly lateMicros: number }
  | { readonly kind: 'filler'; readonly sizeBytes: number }
  | { readonly kind: 'restore point'; readonly name: string }
  | { readonly kind: 'switch' }
  /** While it is made, some transactions end. */
  | { readonly kind: 'backup'; readonly commits: number; readonly fillerBytes: number }
  /** The newest timeline goes on as another one; its WAL so far was archived in part, or not. */
  | { readonly kind: 'promotion'; readonly archivesPartial: boolean; readonly parentGoesOn: number }

export interface HistoryRecord extends RecordPlace {
  readonly kind: 'commit' | 'abort' | 'restore point' | 'other'
  readonly xid: number
  readonly time: Micros
  readonly name: string
}

export interface HistoryTimeline {
  readonly timeline: number
  readonly parent: HistoryTimeline | undefined
  readonly beginLsn: Lsn
  readonly writer: WalWriter
  /** Written on this timeline itself. */
  readonly records: HistoryRecord[]
  hasPartial: boolean
}

export interface HistoryBackup {
  readonly id: string
  readonly timeline: number
  readonly startLsn: Lsn
  readonly stopLsn: Lsn
  readonly startedAt: Micros
  readonly endedAt: Micros
}

export class WalHistory {
  #hasHistories = true
  readonly timelines: HistoryTimeline[] = [
    {
      timeline: 1,
      parent: undefined,
      beginLsn: 0n,
      writer: new WalWriter({ segmentSizeBytes, pageSizeBytes }),
      records: [],
      hasPartial: false,
    },
  ]
  readonly backups: HistoryBackup[] = []
  /** Names that are in the repository. */
  readonly archived = new Map<string, Buffer>()
  now: Micros = startOfTime
  #xid = 700

  constructor(happenings: readonly Happening[]) {
    for (const happening of happenings) this.#happens(happening)
    for (const timeline of this.timelines) this.#archive(timeline)
  }

  get newest(): HistoryTimeline {
    return this.timelines.at(-1) ?? this.timelines[0]!
  }

  /** From the oldest ancestor to the timeline itself. */
  line(timeline: number): HistoryTimeline[] {
    const own = this.timelines.find(each => each.timeline === timeline)
    return own ? [...(own.parent ? this.line(own.parent.timeline) : []), own] : []
  }

  /** All that was written on the way to a timeline, in order. */
  recordsOn(timeline: number): HistoryRecord[] {
    const line = this.line(timeline)
    return line.flatMap(({ records }, i) =>
      records.filter(({ startLsn }) => startLsn < (line[i + 1]?.beginLsn ?? 1n << 63n)),
    )
  }

  #happens(happening: Happening): void {
    this.now += 100 + (this.#xid % 7) * 1000
    const { writer, records } = this.newest
    const note = (place: RecordPlace, more: Partial<HistoryRecord> = {}): void =>
      void records.push({ kind: 'other', xid: 0, time: 0, name: '', ...place, ...more })
    switch (happening.kind) {
      case 'commit':
      case 'abort': {
        const xid = ++this.#xid
        const time = this.now - happening.lateMicros
        const place = happening.kind === 'commit' ? writer.commit(xid, time) : writer.abort(xid, time)
        return note(place, { kind: happening.kind, xid, time })
      }
      case 'filler':
        return note(writer.filler(happening.sizeBytes))
      case 'restore point':
        return note(writer.restorePoint(happening.name, this.now), {
          kind: 'restore point',
          name: happening.name,
        })
      case 'switch':
        return note(writer.switch())
      case 'backup':
        return this.#backUp(happening, note)
      case 'promotion':
        return this.#promote(happening)
    }
  }

  #backUp(
    { commits, fillerBytes }: { commits: number; fillerBytes: number },
    note: (place: RecordPlace) => void,
  ): void {
    const { timeline, writer } = this.newest
    const startedAt = this.now
    const { startLsn, endLsn } = writer.filler(80)
    note({ startLsn, endLsn })
    for (let i = 0; i < commits; i++) this.#happens({ kind: 'commit', lateMicros: 0 })
    note(writer.filler(fillerBytes))
    const end = writer.filler(8)
    note(end)
    note(writer.switch())
    this.now += 50
    const id = `20260301T${String(this.backups.length).padStart(6, '0')}Z-full`
    this.backups.push({ id, timeline, startLsn, stopLsn: end.endLsn, startedAt, endedAt: this.now })
  }

  #promote({ archivesPartial, parentGoesOn }: { archivesPartial: boolean; parentGoesOn: number }): void {
    const parent = this.newest
    const timeline = parent.timeline + 1
    const beginLsn = parent.writer.lsn
    const writer = parent.writer.branch(timeline)
    parent.hasPartial = archivesPartial && beginLsn % BigInt(segmentSizeBytes) !== 0n
    this.timelines.push({ timeline, parent, beginLsn, writer, records: [], hasPartial: false })
    // The old primary does not know yet that it was replaced.
    for (let i = 0; i < parentGoesOn; i++) {
      const xid = ++this.#xid
      parent.records.push({
        kind: 'commit',
        xid,
        time: this.now,
        name: '',
        ...parent.writer.commit(xid, this.now),
      })
    }
    this.newest.records.push({ kind: 'other', xid: 0, time: 0, name: '', ...writer.filler(60) })
  }

  /** Whole segments; of the last one nothing, or its start. */
  #archive({ timeline, writer, hasPartial }: HistoryTimeline): void {
    const current = segmentName({ timeline, number: writer.lsn / BigInt(segmentSizeBytes) }, segmentSizeBytes)
    for (const [name, bytes] of writer.segments) {
      if (name < current) this.archived.set(name, bytes)
      else if (hasPartial) this.archived.set(`${name}.partial`, bytes)
    }
  }

  /** The history files are lost, or were written before the archive was there. */
  forgetHistories(): void {
    this.#hasHistories = false
  }

  /** The repository, with a key or without one. A survey shows so many files of each timeline. */
  store(hasKey: boolean, surveyedMax = 1000): Pick<WalStore, 'get' | 'head' | 'list' | 'survey'> {
    const timelines = this.#hasHistories ? this.timelines.slice(1) : []
    const histories = new Map(timelines.map(each => [historyName(each.timeline), each] as const))
    const { archived } = this
    const headOf = (name: string): WalHead | undefined => {
      const own = histories.get(name)
      if (own) return { ...emptyHead(name), ancestors: ancestorsOf(this.line(own.timeline)) }
      const bytes = archived.get(name)
      return bytes && { ...emptyHead(name), ...commitsOf(bytes) }
    }
    return {
      get(name) {
        const bytes = archived.get(name)
        if (bytes && !hasKey) throw new Fault('KEY_MISSING', 'it is encrypted', { hint: 'Give the key.' })
        return Promise.resolve(bytes)
      },
      head: name => Promise.resolve(headOf(name)),
      async *list(what) {
        const isWanted = (name: string): boolean => {
          if (what === undefined) return true
          if (typeof what === 'number') return Number.parseInt(name.slice(0, 8), 16) === what
          const isOther = name.slice(0, 8) !== what.from.slice(0, 8) || name.endsWith('.history')
          return !isOther && name >= what.from && (what.to === undefined || name.slice(0, 24) <= what.to)
        }
        const filesMax = typeof what === 'object' ? what.filesMax : undefined
        yield* allFiles()
          .filter(({ name }) => isWanted(name))
          .slice(0, filesMax)
      },
      survey() {
        const counts = new Map<string, number>()
        const isShown = ({ name }: WalEntry): boolean => {
          if (name.endsWith('.history')) return true
          const timeline = name.slice(0, 8)
          counts.set(timeline, (counts.get(timeline) ?? 0) + 1)
          return (counts.get(timeline) ?? 0) <= surveyedMax
        }
        const all = allFiles()
        const files = all.filter(isShown)
        return Promise.resolve({ files, isWhole: files.length === all.length })
      },
    }
    function allFiles(): WalEntry[] {
      return [...archived.keys(), ...histories.keys()]
        .toSorted()
        .map(name => ({ name, sizeBytes: 1000, key: `gathr/wal/${name}.zst.age` }))
    }
  }
}

const emptyHead = (name: string): WalHead => ({ name, sizeBytes: segmentSizeBytes, sha256: '' })

function commitsOf(bytes: Buffer): Pick<WalHead, 'commits'> {
  const times = scanCommitTimes(bytes)
  if (!times) return {}
  return {
    commits: { count: times.count, earliest: isoMicros(times.earliest), latest: isoMicros(times.latest) },
  }
}

function ancestorsOf(line: readonly HistoryTimeline[]): NonNullable<WalHead['ancestors']> {
  return line
    .slice(1)
    .map(({ parent, beginLsn }) => ({ timeline: parent?.timeline ?? 0, endLsn: formatLsn(beginLsn) }))
}

const vector = readFileSync(new URL('../vectors/records/backup.json', import.meta.url))

export function backupRecordOf({
  id,
  timeline,
  startLsn,
  stopLsn,
  startedAt,
  endedAt,
}: HistoryBackup): BackupRecord {
  return {
    ...parseBackupRecord(vector, 'vector'),
    id,
    kind: 'full',
    parent: null,
    timeline,
    startLsn: formatLsn(startLsn),
    stopLsn: formatLsn(stopLsn),
    startedAt: isoMicros(startedAt),
    endedAt: isoMicros(endedAt),
    checks: { pagesChecked: 1, pagesTorn: 0, pagesCorrupt: 0, corrupt: [] },
  }
}
