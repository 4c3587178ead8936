/** The server as somebody meets it on the wire. */
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import type { Answering } from './answer.ts'
import { serveMetrics } from './server.ts'

const loopback = { host: '127.0.0.1', port: 0 }
const answering: Answering = {
  token: undefined,
  metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'größe 1\n' }),
  trouble: () => undefined,
}

/** All that is answered until the connection ends. */
function said(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let text = ''
    socket.on('data', (piece: Buffer) => (text += piece.toString()))
    socket.once('error', reject)
    socket.once('close', () => resolve(text))
  })
}

test('answers with its length, and the head alone when only that is asked', async () => {
  await using server = await serveMetrics(loopback, answering)
  const url = `http://127.0.0.1:${String(server.port)}/metrics?name[]=x`
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toContain('0.0.4')
  expect(await answer.text()).toBe('größe 1\n')
  const head = await fetch(url, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', ''])
})

test('ends with who sends more than a question', async () => {
  await using server = await serveMetrics(loopback, answering)
  const head = (line: string): string => `${line}\r\nHost: x\r\n`
  expect(await said(server.port, 'nonsense\r\n\r\n')).toContain('400 Bad Request')
  const long = `${head('GET /metrics HTTP/1.1')}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`
  expect(await said(server.port, long)).toContain('431')
  const withBody = `${head('POST /metrics HTTP/1.1')}Content-Length: 1000000\r\n\r\nxxx`
  expect(await said(server.port, withBody)).toContain('405')
})

test('a mistake of ours is told as one, and says nothing of it', async () => {
  const broken = { ...answering, metrics: () => Promise.reject(new Error('secret words')) }
  await using server = await serveMetrics(loopback, broken)
  const answer = await fetch(`http://127.0.0.1:${String(server.port)}/metrics`)
  expect(answer.status).toBe(500)
  expect(await answer.text()).not.toContain('secret')
})
