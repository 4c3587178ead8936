/**
 * Resource managers and the operations that tell what became of relations, as kind words: xl_info, and above it xl_rmid.
 * The numbers are the same in PostgreSQL 14 to 18. See rmgrlist.h, heapam_xlog.h, storage_xlog.h, dbcommands_xlog.h.
 */
export const manager = {
  xlog: 0,
  transaction: 1,
  storage: 2,
  database: 4,
  tablespace: 5,
  relationMap: 7,
  standby: 8,
  heap2: 9,
  heap: 10,
} as const

export const managerOf = (kindWord: number): number => (kindWord >>> 8) & 0xff

/** Of the heap manager: the bit 0x80 (the page is made anew) does not matter for what it is. */
export const heapOperation = {
  insert: 0x00,
  delete: 0x10,
  update: 0x20,
  hotUpdate: 0x40,
  inPlace: 0x70,
} as const
export const heapOperationOf = (kindWord: number): number => kindWord & 0x70

export const storageOperation = { create: 0x10, truncate: 0x20 } as const
export const relationMapUpdate = 0x00
export const runningTransactions = 0x10
/** Of the log's own manager: images of pages. */
export const pageImages: readonly number[] = [0xa0, 0xb0]
export const operationOf = (kindWord: number): number => kindWord & 0xf0
