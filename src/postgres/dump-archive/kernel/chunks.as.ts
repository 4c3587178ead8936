// The kernel that walks through the data of a pg_dump archive: AssemblyScript, compiled by scripts/build-kernel.ts to
// WebAssembly with 128-bit SIMD.
//
// Data lies in chunks: five bytes of length (a sign, then four bytes, low first), so many bytes, and again, until a length
// of zero. An uncompressed archive has a chunk for every row, so the headers are walked here, too. Line feeds are counted
// as the bytes pass by: COPY writes each row as one line.
//
// The state belongs to the caller, and lies in the memory at `state`:
//   0  u32  how many bytes of a header are held     4  u32  bytes that are left of the chunk
//   8  5 bytes of a header                         16  u64  the last eight bytes of data, the latest one highest
//  24  u32  line feeds of this call                28  u32  bytes of data of this call
//  32  u32  how it ended: 0 more is wanted, 1 the data has ended, 2 a length that can not be

const LINE_FEED: i8 = 10
const HEADER_BYTES: u32 = 5

/** Line feeds of the bytes from `from` to `to`. May read, and then leave out, up to 15 bytes behind `to`. */
export function count(from: usize, to: usize): u32 {
  const feed = i8x16.splat(LINE_FEED)
  let total: u32 = 0
  let at = from
  for (; at + 16 <= to; at += 16) {
    total += <u32>popcnt(i8x16.bitmask(i8x16.eq(v128.load(at), feed)))
  }
  if (at < to) {
    const wanted = (1 << <i32>(to - at)) - 1
    total += <u32>popcnt(i8x16.bitmask(i8x16.eq(v128.load(at), feed)) & wanted)
  }
  return total
}

/** Copies in steps of 16 bytes, thus up to 15 bytes too many on both sides. */
@inline
function copy(from: usize, to: usize, out: usize): void {
  for (let at = from; at < to; at += 16) {
    v128.store(out, v128.load(at))
    out += 16
  }
}

/** The last eight bytes, once those from `from` to `to` have been added. */
@inline
function tailAfter(tail: u64, from: usize, to: usize): u64 {
  if (to - from >= 8) return load<u64>(to - 8)
  let next = tail
  for (let at = from; at < to; at++) next = (next >> 8) | (<u64>load<u8>(at) << 56)
  return next
}

/**
 * Walks through the bytes from `from` to `to`, and returns where it stopped: at `to`, or behind the end of the data. What the
 * chunks hold is put to `out`, one behind the other, unless that is zero.
 */
export function walk(state: usize, from: usize, to: usize, out: usize, chunkBytesMax: u32): usize {
  let held = load<u32>(state)
  let left = load<u32>(state, 4)
  let tail = load<u64>(state, 16)
  let feeds: u32 = 0
  let bytes: u32 = 0
  let status: u32 = 0
  let at = from
  while (at < to) {
    if (left > 0) {
      const end = min(at + <usize>left, to)
      const length = <u32>(end - at)
      feeds += count(at, end)
      tail = tailAfter(tail, at, end)
      if (out != 0) copy(at, end, out + <usize>bytes)
      bytes += length
      left -= length
      at = end
      continue
    }
    let header = state + 8
    if (held == 0 && at + <usize>HEADER_BYTES <= to) {
      header = at
      at += <usize>HEADER_BYTES
    } else {
      store<u8>(state + 8 + <usize>held, load<u8>(at))
      at++
      held++
      if (held < HEADER_BYTES) continue
      held = 0
    }
    left = load<u32>(header, 1)
    if (load<u8>(header) != 0 || left > chunkBytesMax) {
      status = 2
      break
    }
    if (left == 0) {
      status = 1
      break
    }
  }
  store<u32>(state, held)
  store<u32>(state, left, 4)
  store<u64>(state, tail, 16)
  store<u32>(state, feeds, 24)
  store<u32>(state, bytes, 28)
  store<u32>(state, status, 32)
  return at
}
