/** What goes over the wire to CloudWatch, and what is made of its answers. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { limits } from '../../base/limits.ts'
import { systemWorld } from '../../base/world.ts'
import type { Datum } from '../../policy/metrics/cloudwatch.ts'
import { putMetrics } from './put-metrics.ts'

interface Reply {
  readonly status: number
  readonly body: string
}

const done: Reply = {
  status: 200,
  body: '<PutMetricDataResponse><ResponseMetadata/></PutMetricDataResponse>',
}
const failing = (status: number, code: string): Reply => ({
  status,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>told so</Message></Error></ErrorResponse>`,
})

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** Gives the replies one after the other, the last for all that follow. */
async function listen(replies: readonly Reply[]): Promise<{ endpoint: string; asked: URLSearchParams[] }> {
  const asked: URLSearchParams[] = []
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => {
      asked.push(new URLSearchParams(body))
      const { status, body: text } = replies[asked.length - 1] ?? replies.at(-1) ?? done
      response.writeHead(status, { 'Content-Type': 'text/xml' }).end(text)
    })
  })
  await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
  return { endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, asked }
}

const dataOf = (count: number): readonly Datum[] =>
  Array.from({ length: count }, (_, i) => ({
    name: 'BackupSize',
    unit: 'Bytes',
    value: i,
    dimensions: [['Cluster', `c${String(i)}`]],
  }))

function put(endpoint: string, count: number): Promise<void> {
  const credentials = { kind: 'access-key', id: 'a', secret: 'b' } as const
  const batch = { namespace: 'Gathr/Backups', data: dataOf(count) }
  const { signal } = new AbortController()
  return putMetrics(batch, { endpoint, region: 'eu-central-1', credentials }, systemWorld(), signal)
}

test('sends all of it, in batches, and again what failed for a passing reason', async () => {
  const { endpoint, asked } = await listen([failing(500, 'InternalFailure'), done])
  await put(endpoint, limits.cloudwatchDataMax + 1)
  const first = asked.at(0)
  expect(first?.get('Namespace')).toBe('Gathr/Backups')
  expect(first?.get('MetricData.member.2.Dimensions.member.1.Value')).toBe('c1')
  expect(first?.get('MetricData.member.2.Unit')).toBe('Bytes')
  const last = `MetricData.member.${String(limits.cloudwatchDataMax)}.Value`
  expect(asked.map(one => one.get(last) !== null)).toEqual([true, true, false])
  expect(asked.at(-1)?.get('MetricData.member.1.Value')).toBe(String(limits.cloudwatchDataMax))
})

test('a refusal says which right is missing, and is not tried again', async () => {
  const { endpoint, asked } = await listen([failing(403, 'AccessDenied')])
  await expect(put(endpoint, 1)).rejects.toMatchObject({
    code: 'CLOUD_DENIED',
    hint: expect.stringContaining('cloudwatch:PutMetricData'),
  })
  expect(asked).toHaveLength(1)
})

test('wrong credentials are told as such', async () => {
  const { endpoint } = await listen([failing(403, 'InvalidClientTokenId')])
  await expect(put(endpoint, 1)).rejects.toMatchObject({
    code: 'CLOUD_CREDENTIALS',
    hint: expect.stringContaining('metrics.cloudwatch'),
  })
})
