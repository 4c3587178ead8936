/** What a user is told of a server whose certificate does not hold: by the errors that Node.js really throws. */
import { createServer as createPlain } from 'node:http'
import { createServer, get } from 'node:https'
import { afterEach, describe, expect, test } from 'vitest'
import { makeCertificate, type CertificateOptions } from '../../test/support/own-certificate.ts'
import { faultOf } from '../storage/drivers/s3/faults.ts'
import { unreachable } from './network.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** What comes of asking a server with such a certificate, which is trusted if so. */
async function askedError(options: CertificateOptions, isTrusted = true): Promise<Error> {
  const own = await makeCertificate(options)
  const server = createServer(own)
  closers.push(() => void server.close())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, ...(isTrusted ? { ca: own.cert } : {}) }, () => {
      reject(new Error('it was taken'))
    }).once('error', resolve)
  })
}

const cases: readonly (readonly [string, CertificateOptions, boolean, string, RegExp])[] = [
  ['has expired', { days: -1 }, true, 'STORAGE_UNAVAILABLE', /^Have the certificate renewed/],
  ['is for another name', { name: 'DNS:example.test' }, true, 'CONFIG_INVALID', /^Set `endpoint`/],
  ['is signed by nobody known', {}, false, 'CONFIG_INVALID', /`ca_file`/],
]

describe('a certificate', () => {
  test.each(cases)('that %s is told as such', async (_, options, isTrusted, code, hint) => {
    const error = await askedError(options, isTrusted)
    const signal = new AbortController().signal
    for (const fault of [
      unreachable(error, 'gs://bucket', 'reading', signal),
      faultOf(error, { what: 'reading', location: 's3://bucket' }),
    ]) {
      expect(fault).toMatchObject({ code })
      expect(fault).toHaveProperty('hint', expect.stringMatching(hint))
    }
  })
})

test('a server that speaks no TLS is told as such, and not in the words of OpenSSL', async () => {
  const server = createPlain()
  closers.push(() => void server.close())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const error = await new Promise<Error>(resolve => {
    get({ host: '127.0.0.1', port }).once('error', resolve)
  })
  for (const fault of [
    unreachable(error, 'gs://bucket', 'reading', new AbortController().signal),
    faultOf(error, { what: 'reading', location: 's3://bucket' }),
  ])
    expect(fault).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/: what answers there does not speak TLS$/) as unknown,
    })
})
