import { expect, test } from 'vitest'
import { keptStream } from '../../test/fakes/terminal.ts'
import { GiB, MiB } from '../base/units.ts'
import { createProgressDisplay } from './progress-display.ts'

function clockAt() {
  let now = 0
  return {
    monotonicMs: () => now,
    pass: (durationMs: number) => {
      now += durationMs
    },
  }
}

test('elsewhere than on a terminal, a phase begins with a line and ends with one', () => {
  const stream = keptStream()
  const clock = clockAt()
  const display = createProgressDisplay(stream, clock)
  display.phase('copying files', 2 * GiB)
  clock.pass(10_000)
  display.advance(2 * GiB)
  display.end()
  expect(stream.text()).toBe('copying files (2.0 GiB)\ncopying files: 2.0 GiB in 10.0 s (205 MiB/s)\n')
})

test('a long phase is told about now and then, with the time left', () => {
  const stream = keptStream()
  const clock = clockAt()
  const display = createProgressDisplay(stream, clock)
  display.phase('copying files', 400 * MiB)
  for (let i = 0; i < 100; i++) {
    clock.pass(400)
    display.advance(1 * MiB)
  }
  expect(stream.text().split('\n').slice(1, -1)).toEqual([
    'copying files:  18 %, 75.0 MiB of 400 MiB, 2.5 MiB/s, 2m 10s left',
  ])
})

test('on a terminal the bar is drawn again in place, and gives way to a note', () => {
  const stream = keptStream({ interactive: true, columns: 100 })
  const clock = clockAt()
  const display = createProgressDisplay(stream, clock)
  display.phase('copying files', 100 * MiB)
  clock.pass(2000)
  display.advance(50 * MiB)
  display.note('waiting for WAL')
  display.end()
  const steps = stream.text().split('\r')
  expect(steps[2]).toContain('━━━━━━━━━━━━────────────   50 %  50.0 MiB of 100 MiB  25.0 MiB/s  2.0 s left')
  expect(steps[3]).toBe('\x1b[Kwaiting for WAL\n')
  expect(steps.at(-1)).toBe('\x1b[Kcopying files: 50.0 MiB in 2.0 s (25.0 MiB/s)\n')
})

test('a bar is never longer than a line of the terminal', () => {
  const stream = keptStream({ interactive: true, columns: 30 })
  const clock = clockAt()
  const display = createProgressDisplay(stream, clock)
  display.phase('copying files', 100 * MiB)
  clock.pass(2000)
  display.advance(50 * MiB)
  const bars = stream
    .text()
    .split('\r')
    .map(step => step.replace('\x1b[K', ''))
  expect(Math.max(...bars.map(bar => bar.length))).toBeLessThan(30)
})

test('more than was planned is not more than all', () => {
  const stream = keptStream({ interactive: true })
  const clock = clockAt()
  const display = createProgressDisplay(stream, clock)
  display.phase('copying files', 10)
  clock.pass(200)
  display.advance(25)
  expect(stream.text()).toContain('100 %')
})
