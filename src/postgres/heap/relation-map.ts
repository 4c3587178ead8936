/**
 * `pg_filenode.map`: which file holds a catalogue that can not be looked up in pg_class, being needed for that. See
 * src/backend/utils/cache/relmapper.c; PostgreSQL 15 and before have 62 places in it and 16 has 64, the start is the same.
 */
const magic = 0x592717
const placesMax = 64

/** File numbers by the oid of the catalogue. Undefined when the bytes are no such map. */
export function parseRelationMap(bytes: Uint8Array): ReadonlyMap<number, number> | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 8 || view.getUint32(0, true) !== magic) return undefined
  const count = view.getInt32(4, true)
  if (count < 0 || count > placesMax || 8 + count * 8 > bytes.length) return undefined
  const files = new Map<number, number>()
  for (let at = 8; at < 8 + count * 8; at += 8)
    files.set(view.getUint32(at, true), view.getUint32(at + 4, true))
  return files
}
