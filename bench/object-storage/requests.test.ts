import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RequestLog, parseAccessLine } from './requests.ts'

const line = (bucket: string): string =>
  `2026-11-22T13:05:03.476+0000 7eff  1 beast: 0x7f00: 127.0.0.1 - owner [22/Nov/2026:13:05:03.424 +0000] "PUT /${bucket}/a%2Bb?x-id=PutObject HTTP/1.1" 200 5 - "aws-sdk-js" - latency=0.05s\n`

test('a line of the access log says what was asked of which bucket', () => {
  expect(parseAccessLine(line('b-1'))).toEqual({
    method: 'PUT',
    bucket: 'b-1',
    status: 200,
    userAgent: 'aws-sdk-js',
  })
  expect(parseAccessLine('2026-11-22T13:05:03.476+0000 7eff  0 framework: beast')).toBeUndefined()
})

test('requests are counted for each bucket, also when a line is read in two pieces', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hf-bench-'))
  try {
    const path = join(folder, 'log')
    const cut = line('b').length - 30
    writeFileSync(path, line('a') + line('b').slice(0, cut))
    const log = new RequestLog(path)
    expect([log.countOf('a'), log.countOf('b')]).toEqual([1, 0])
    appendFileSync(path, line('b').slice(cut) + line('b'))
    expect([log.countOf('a'), log.countOf('b')]).toEqual([1, 2])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
