import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../base/limits.ts'
import { WorkQueueBuilder, takeWork, type WorkPiece, type WorkQueue } from './work-queue.ts'

const MiB = 1024 * 1024

function drain(queue: WorkQueue): WorkPiece[] {
  const pieces: WorkPiece[] = []
  for (let piece = takeWork(queue); piece; piece = takeWork(queue)) pieces.push(piece)
  return pieces
}

const pathsOf = (pieces: readonly WorkPiece[]): string[] =>
  pieces.flatMap(({ directory, names }) => names.map(name => `${directory}/${name}`))

describe('the queue of files', () => {
  test('hands out every file once, whatever there is', () => {
    const entry = fc.record({
      directory: fc.constantFrom('', 'base/1', 'base/5', 'größe/ß'),
      size: fc.oneof(fc.nat(100_000), fc.nat(20 * MiB)),
    })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 2000 }), entries => {
        const builder = new WorkQueueBuilder()
        entries.forEach(({ directory, size }, i) => {
          builder.add(directory, `file ${String(i)} é`, size)
        })
        const queue = builder.close()
        const expected = entries.map(({ directory }, i) => `${directory}/file ${String(i)} é`)
        expect(pathsOf(drain(queue)).toSorted()).toEqual(expected.toSorted())
        expect(queue.fileCount).toBe(entries.length)
        expect(queue.totalBytes).toBe(entries.reduce((sum, { size }) => sum + size, 0))
      }),
      { numRuns: 30 },
    )
  })

  test('hands out the largest files first, and small ones in batches behind them', () => {
    const builder = new WorkQueueBuilder()
    builder.add('base', 'small1', 10)
    builder.add('base', 'large', 5 * MiB)
    builder.add('base', 'small2', MiB)
    builder.add('base', 'huge', 900 * MiB)
    expect(pathsOf(drain(builder.close()))).toEqual(['base/huge', 'base/large', 'base/small1', 'base/small2'])
  })

  test('bounds a batch in files and in bytes', () => {
    const builder = new WorkQueueBuilder()
    for (let i = 0; i < 1000; i++) builder.add('a', String(i), 1)
    for (let i = 0; i < 20; i++) builder.add('b', String(i), MiB)
    const lengths = drain(builder.close()).map(({ names }) => names.length)
    expect(Math.max(...lengths)).toBe(limits.batchFilesMax)
    expect(lengths.slice(-5)).toEqual([4, 4, 4, 4, 4])
  })

  test('holds two million files in thirty MiB', () => {
    const builder = new WorkQueueBuilder()
    for (let i = 0; i < 2_000_000; i++) builder.add(`base/${String(i >>> 14)}`, String(100_000 + i), 8192)
    const queue = builder.close()
    expect(queue.names.byteLength + queue.pieces.byteLength).toBeLessThan(30 * MiB)
    expect(queue.fileCount).toBe(2_000_000)
  })

  test('that is empty has no work', () => {
    const queue = new WorkQueueBuilder().close()
    expect(takeWork(queue)).toBeUndefined()
    expect(takeWork(queue)).toBeUndefined()
  })
})
