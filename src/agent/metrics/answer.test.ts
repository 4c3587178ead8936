import { describe, expect, test } from 'vitest'
import { Secret } from '../../base/secret.ts'
import { answerTo, type Answering, type Asked } from './answer.ts'

const get: Asked = { method: 'GET', path: '/metrics', authorization: undefined, accept: '*/*' }
const open: Answering = {
  token: undefined,
  metrics: format => Promise.resolve({ contentType: format, text: 'x 1\n' }),
  trouble: () => undefined,
}
const closed: Answering = { ...open, token: new Secret('s3cret') }

describe('who asks over HTTP', () => {
  test('gets the metrics, in the format that is accepted', async () => {
    expect(await answerTo(get, open)).toMatchObject({ status: 200, body: 'x 1\n' })
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
    expect((await answerTo({ ...get, accept }, open)).headers['Content-Type']).toBe('openmetrics')
    expect((await answerTo(get, open)).headers['Content-Type']).toBe('prometheus')
  })

  test.each([
    [undefined, 401],
    ['Bearer', 401],
    ['Bearer wrong', 401],
    ['Bearer s3cret-and-more', 401],
    ['Basic s3cret', 401],
    ['Bearer s3cret', 200],
    ['bearer  s3cret ', 200],
  ])('with the authorization %s, where a token is needed, gets %i', async (authorization, status) => {
    const answer = await answerTo({ ...get, authorization }, closed)
    expect(answer.status).toBe(status)
    if (status === 401) expect(answer.headers['WWW-Authenticate']).toMatch(/^Bearer/)
    expect(JSON.stringify(answer)).not.toContain('s3cret')
  })

  test('hears without a token whether the agent is well', async () => {
    const health = { ...get, path: '/healthz' }
    expect(await answerTo(health, closed)).toMatchObject({ status: 200, body: 'ok\n' })
    const stuck = await answerTo(health, { ...closed, trouble: () => 'it hangs' })
    expect(stuck).toMatchObject({ status: 503, body: 'it hangs\n' })
  })

  test('is refused other methods and other paths', async () => {
    const posted = await answerTo({ ...get, method: 'POST' }, open)
    expect(posted).toMatchObject({ status: 405, headers: { Allow: 'GET, HEAD' } })
    expect((await answerTo({ ...get, path: '/' }, open)).status).toBe(404)
    expect((await answerTo({ ...get, path: '/metrics/../etc' }, open)).status).toBe(404)
  })
})
