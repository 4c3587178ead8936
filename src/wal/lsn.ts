/**
 * Log sequence numbers: positions, in bytes, in PostgreSQL's write-ahead log.
 *
 * See the PostgreSQL manual, "pg_lsn Type", and src/include/access/xlogdefs.h.
 */
export type Lsn = bigint

/** Reads `16/B374D848`. */
export function parseLsn(text: string): Lsn | undefined {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text)
  if (!match) return undefined
  return (BigInt(`0x${match[1] ?? '0'}`) << 32n) | BigInt(`0x${match[2] ?? '0'}`)
}

export function formatLsn(lsn: Lsn): string {
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffff_ffffn)}`
}

const hex = (n: bigint): string => n.toString(16).toUpperCase()
