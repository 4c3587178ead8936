/**
 * WAL records: the header that all have, and where the main data of the few kinds that matter to us begins.
 *
 * See XLogRecord in src/include/access/xlogrecord.h, and rmgrlist.h for the resource managers.
 */

/** xl_tot_len, xl_xid, xl_prev, xl_info, xl_rmid, two bytes of padding, xl_crc. */
export const recordHeaderSizeBytes = 24

/** PostgreSQL 16 made this limit of XLogRecordMaxSize explicit; memory for one allocation ends there in older ones. */
export const recordSizeBytesMax = 1020 * 1024 * 1024

/**
 * The word at offset 16 holds xl_info and, above it, xl_rmid: the *kind word*. The manager with the number 0 keeps the
 * log itself, the one with the number 1 the transactions. The low four bits belong to the reader of the log and are
 * the same for all kinds.
 */
const xlogKindMask = 0xfff0
const transactionKindMask = 0xff70
/** Of the kind word: zero for these two managers, and for no other. */
export const otherManagers = 0xfe00

/** Operations of the log itself, as kind words without the bits that do not matter. */
export const xlogKind = {
  checkpointShutdown: 0x0000,
  checkpointOnline: 0x0010,
  switch: 0x0040,
  backupEnd: 0x0050,
  restorePoint: 0x0070,
  endOfRecovery: 0x0090,
} as const

/** Operations of transactions, likewise. */
export const transactionKind = {
  commit: 0x0100,
  prepare: 0x0110,
  abort: 0x0120,
  commitPrepared: 0x0130,
  abortPrepared: 0x0140,
} as const

export const xlogKindOf = (kindWord: number): number => kindWord & xlogKindMask
export const transactionKindOf = (kindWord: number): number => kindWord & transactionKindMask

/** The rest of the segment is empty after this record. */
export const isSwitch = (kindWord: number): boolean => (kindWord & xlogKindMask) === xlogKind.switch

/** Whether a transaction ends here, by commit or abort, prepared before or not. */
export function isTransactionEnd(kindWord: number): boolean {
  switch (kindWord & transactionKindMask) {
    case transactionKind.commit:
    case transactionKind.abort:
    case transactionKind.commitPrepared:
    case transactionKind.abortPrepared:
      return true
    default:
      return false
  }
}

/** Marks main data of less than 256 bytes, whose length stands in one byte. */
export const shortMainData = 255

/**
 * How far into a record its main data begins, when the record refers to no blocks, as commits and the log's own
 * records do. Undefined when the bytes are not such a record. `bytes` may end anywhere after the data's header.
 */
export function mainDataOffset(view: DataView): number | undefined {
  let offset = recordHeaderSizeBytes
  while (offset < view.byteLength) {
    switch (view.getUint8(offset)) {
      case shortMainData:
        return offset + 2
      case 254: // main data; its length in four bytes
        return offset + 5
      case 253: // replication origin
        offset += 3
        break
      case 252: // top-level transaction id
        offset += 5
        break
      default:
        return undefined
    }
  }
  return undefined
}

/** The most that may stand before the main data of such a record. */
export const mainDataOffsetMax = recordHeaderSizeBytes + 3 + 5 + 5
