/**
 * WAL records: the header that all have, and where the main data of the few kinds that matter to us begins.
 *
 * See XLogRecord in src/include/access/xlogrecord.h, and rmgrlist.h for the resource managers.
 */

/** xl_tot_len, xl_xid, xl_prev, xl_info, xl_rmid, two bytes of padding, xl_crc. */
export const recordHeaderSizeBytes = 24

/** PostgreSQL 16 made this limit of XLogRecordMaxSize explicit; memory for one allocation ends there in older ones. */
export const recordSizeBytesMax = 1020 * 1024 * 1024

/** Of the word at offset 16, which holds xl_info and xl_rmid, these bits say what a record is. */
const managerShift = 8
const xlogManager = 0
const transactionManager = 1
/** The low four bits of xl_info belong to the WAL reader, and are the same for all kinds. */
const xlogOperationMask = 0xf0
const transactionOperationMask = 0x70

export const xlogOperation = {
  checkpointShutdown: 0x00,
  checkpointOnline: 0x10,
  switch: 0x40,
  backupEnd: 0x50,
  restorePoint: 0x70,
  endOfRecovery: 0x90,
} as const

export const transactionOperation = {
  commit: 0x00,
  prepare: 0x10,
  abort: 0x20,
  commitPrepared: 0x30,
  abortPrepared: 0x40,
} as const

/** The operation when the record is one of the log's own (checkpoints, switches, restore points), else undefined. */
export function xlogOperationOf(kindWord: number): number | undefined {
  return managerOf(kindWord) === xlogManager ? kindWord & xlogOperationMask : undefined
}

/** The operation when the record is a transaction's, else undefined. */
export function transactionOperationOf(kindWord: number): number | undefined {
  return managerOf(kindWord) === transactionManager ? kindWord & transactionOperationMask : undefined
}

const managerOf = (kindWord: number): number => (kindWord >>> managerShift) & 0xff

/**
 * How far into a record its main data begins, when the record refers to no blocks, as commits and the log's own
 * records do. Undefined when the bytes are not such a record. `bytes` may end anywhere after the data's header.
 */
export function mainDataOffset(view: DataView): number | undefined {
  let offset = recordHeaderSizeBytes
  while (offset < view.byteLength) {
    switch (view.getUint8(offset)) {
      case 255: // main data of less than 256 bytes; its length in one byte
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
