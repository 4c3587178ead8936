/** Bodies whose length is known: taken whole into memory, or poured into a writer. Both check the promised length. */
import { assert } from '../../../base/assert.ts'
import type { Body, ObjectWriter } from '../../storage.ts'

/** The body's own bytes where it is one piece: nothing is copied. */
export async function collectBody(key: string, body: Body, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let whole: Buffer | undefined
  let sizeBytes = 0
  for await (const piece of body.open()) {
    signal.throwIfAborted()
    if (piece.length === body.sizeBytes && sizeBytes === 0) pieces.push(piece)
    else (whole ??= Buffer.allocUnsafeSlow(body.sizeBytes)).set(piece, sizeBytes)
    sizeBytes += piece.length
  }
  assertSize(key, body, sizeBytes)
  return whole ?? pieces[0] ?? new Uint8Array()
}

export async function writeBody(writer: ObjectWriter, key: string, body: Body): Promise<'written' | 'taken'> {
  try {
    let sizeBytes = 0
    for await (const piece of body.open()) {
      sizeBytes += piece.length
      await writer.write(piece)
    }
    assertSize(key, body, sizeBytes)
    return await writer.commit()
  } catch (error) {
    await writer.abort().catch(() => undefined)
    throw error
  }
}

function assertSize(key: string, body: Body, sizeBytes: number): void {
  assert(
    sizeBytes === body.sizeBytes,
    `the body of ${key} has the ${String(body.sizeBytes)} bytes it promised`,
  )
}
