/**
 * Reads consecutive segments as recovery does, and tells what it meets: see src/wal/events.ts.
 *
 * Records are put together over pages and segments; what PostgreSQL would not replay ends the reading, and the last
 * event says where and why. Checked are the page headers, the chain of records (each names the one before), and, when
 * a CRC-32C is given, the bytes of each record.
 */
import type { ReadEvent, RecordPlace, WalEvent } from '../../wal/events.ts'
import type { Lsn } from '../../wal/lsn.ts'
import type { Crc32c } from './pending-record.ts'
import { newReadState, readRecords, type WholeRecord } from './read-records.ts'
import { isSwitch } from './record.ts'
import { decodeEvent, isEventKind } from './decode-event.ts'

export interface ReadOptions {
  /** Also tell of the first record that begins at or after this position, whatever it is. */
  readonly watchLsn?: Lsn | undefined
  /** `crc32c(bytes, before)`: continues a checksum. Without it the bytes of records are not checked. */
  readonly crc32c?: Crc32c | undefined
}

/** `segments` are the contents of consecutive segments, beginning anywhere. */
export async function* readWalEvents(
  segments: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { watchLsn, crc32c }: ReadOptions = {},
): AsyncIterable<ReadEvent> {
  const state = newReadState(isEventKind, crc32c)
  let lastRecord: RecordPlace | undefined
  let stillWatching = watchLsn !== undefined
  for await (const segment of segments) {
    for (const record of readRecords(segment, state)) {
      const place = { startLsn: record.startLsn, endLsn: record.endLsn }
      lastRecord = place
      const event = eventOf(record, place)
      if (stillWatching && watchLsn !== undefined && place.startLsn >= watchLsn) {
        stillWatching = false
        yield { kind: 'watched', ...place, event }
      }
      if (event) yield event
    }
    if (state.trouble !== undefined) break
  }
  yield { kind: 'end', lastRecord, trouble: state.trouble }
}

function eventOf({ bytes, postgresMajor, kindWord }: WholeRecord, place: RecordPlace): WalEvent | undefined {
  if (isSwitch(kindWord)) return { kind: 'switch', ...place }
  return bytes && decodeEvent(bytes, place, postgresMajor)
}
