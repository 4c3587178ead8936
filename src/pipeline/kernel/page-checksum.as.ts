// The kernel that checks PostgreSQL's page checksums: AssemblyScript, compiled by scripts/build-kernel.ts to WebAssembly
// with 128-bit SIMD. See pg_checksum_page in PostgreSQL's src/include/storage/checksum_impl.h.
//
// The algorithm is FNV-1a, varied, in 32 lanes: word i of a page goes to lane i mod 32, so that eight vectors of four
// lanes walk through the page 128 bytes at a time. The lanes are then folded into one, and the block number is mixed in.
//
// The memory belongs to the caller, who also says where results go. Nothing is allocated here.

const PRIME: i32 = 16777619
const LANE_ROW_BYTES: usize = 128
/** Offset of pd_checksum in a page's header; it counts as zero in the sum. */
const CHECKSUM_AT: usize = 8
/** Offset of pd_upper, which is zero in a page that was never written. */
const UPPER_AT: usize = 14

@inline
function mix(sum: v128, words: v128): v128 {
  const mixed = v128.xor(sum, words)
  return v128.xor(i32x4.mul(mixed, i32x4.splat(PRIME)), i32x4.shr_u(mixed, 17))
}

/** The checksum of the page of `pageBytes` at `page`, were it block `block` of its relation. */
export function checksum(page: usize, pageBytes: usize, block: u32): u32 {
  // The first row is apart: its word 2 holds the checksum itself (low half), which counts as zero.
  const own = i32x4(-1, -1, 0xffff0000, -1)
  let a = mix(i32x4(0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a), v128.and(v128.load(page), own))
  let b = mix(i32x4(0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c), v128.load(page, 16))
  let c = mix(i32x4(0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa), v128.load(page, 32))
  let d = mix(i32x4(0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb), v128.load(page, 48))
  let e = mix(i32x4(0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de), v128.load(page, 64))
  let f = mix(i32x4(0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4), v128.load(page, 80))
  let g = mix(i32x4(0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e), v128.load(page, 96))
  let h = mix(i32x4(0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756), v128.load(page, 112))

  const end = page + pageBytes
  for (let at = page + LANE_ROW_BYTES; at < end; at += LANE_ROW_BYTES) {
    a = mix(a, v128.load(at))
    b = mix(b, v128.load(at, 16))
    c = mix(c, v128.load(at, 32))
    d = mix(d, v128.load(at, 48))
    e = mix(e, v128.load(at, 64))
    f = mix(f, v128.load(at, 80))
    g = mix(g, v128.load(at, 96))
    h = mix(h, v128.load(at, 112))
  }

  // Two rounds of zeroes, as PostgreSQL does, so that the last words are mixed as well as the first.
  const zero = i32x4.splat(0)
  for (let round = 0; round < 2; round++) {
    a = mix(a, zero)
    b = mix(b, zero)
    c = mix(c, zero)
    d = mix(d, zero)
    e = mix(e, zero)
    f = mix(f, zero)
    g = mix(g, zero)
    h = mix(h, zero)
  }

  const all = v128.xor(v128.xor(v128.xor(a, b), v128.xor(c, d)), v128.xor(v128.xor(e, f), v128.xor(g, h)))
  const folded = i32x4.extract_lane(all, 0) ^ i32x4.extract_lane(all, 1) ^ i32x4.extract_lane(all, 2) ^ i32x4.extract_lane(all, 3)
  return ((<u32>folded ^ block) % 65535) + 1
}

/** Whether a page holds nothing but zeroes. */
function isZero(page: usize, pageBytes: usize): bool {
  const end = page + pageBytes
  for (let at = page; at < end; at += 16) {
    if (v128.any_true(v128.load(at))) return false
  }
  return true
}

/**
 * Checks `pageCount` pages that lie end to end from `pages` and are the blocks from `block` on. Writes the index of each
 * page that fails as a 32-bit number to `failures`, one after the other, and returns how many there are.
 *
 * A page that was never written (pd_upper is zero) is right when it is all zero, and has no checksum; with anything else in
 * it, it is wrong. That is what the server itself says when it reads a page: PageIsVerified in bufpage.c.
 */
export function verify(pages: usize, pageBytes: usize, pageCount: u32, block: u32, failures: usize): u32 {
  let failed: u32 = 0
  for (let i: u32 = 0; i < pageCount; i++) {
    const page = pages + <usize>i * pageBytes
    const right =
      load<u16>(page, UPPER_AT) == 0
        ? isZero(page, pageBytes)
        : <u32>load<u16>(page, CHECKSUM_AT) == checksum(page, pageBytes, block + i)
    if (!right) {
      store<u32>(failures + (<usize>failed << 2), i)
      failed++
    }
  }
  return failed
}
