import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseDrillReport, summaryOfReport } from '../../../repository/format/drill-json.ts'
import type { DrillReport } from '../../../repository/format/drill-record.ts'
import { drillFilesOf } from './drill-files.ts'
import { checkPageSignature, checkReportSignature, fingerprintOf, publicKeyOf } from './signature.ts'

const vector = readFileSync(new URL('../../../../test/vectors/records/drill-report.json', import.meta.url))
const report = parseDrillReport(vector, 'vector')
const { privateKey } = generateKeyPairSync('ed25519')
const key = { secret: privateKey, public: publicKeyOf(privateKey) }
const { report: signed, page } = drillFilesOf(report, { key, history: [] })
const pageOf = (more: Partial<DrillReport>, history = [] as Parameters<typeof drillFilesOf>[1]['history']) =>
  Buffer.from(drillFilesOf({ ...report, ...more }, { key, history }).page).toString()

describe('what is kept of a drill', () => {
  test('is signed by the host: the report and the page', () => {
    const read = parseDrillReport(signed, 'report.json')
    expect(checkReportSignature(signed, 'report.json')).toBe(key.public)
    expect(checkPageSignature(page, 'report.html')).toBe(key.public)
    expect({ ...read, signature: undefined }).toEqual({ ...report, signature: undefined })
  })

  test('has the signature that the vector has, and a fingerprint as OpenSSH makes it', () => {
    expect(checkReportSignature(vector, 'vector')).toBe(report.signature?.key)
    expect(fingerprintOf(key.public)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
  })

  // Everybody can put a right checksum at the end, so it is left out: one that was mended by hand has none.
  test.each([
    ['another figure', '"durationMs": 581250', '"durationMs": 1250'],
    ['another seed', 'c0ffee42', 'c0ffee43'],
    ['another signature', '"value": "fi', '"value": "AA'],
    ['another key', 'MCowBQYDK2VwAyEA1', 'MCowBQYDK2VwAyEAA'],
  ])('a report with %s is none that the host signed', (_, from, to) => {
    const changed = vector
      .toString()
      .replace(/,\n {2}"crc32".*\n/, '\n')
      .replace(from, to)
    expect(() => checkReportSignature(Buffer.from(changed), 'report.json')).toThrow(/was changed/)
  })

  test('a report that says something again behind its signature is refused: JSON takes what is said last', () => {
    const [body = '', end = ''] = vector.toString().split(',\n  "crc32"')
    const forged = Buffer.from(`${body},\n  "outcome": "passed",\n  "crc32"${end}`)
    expect(() => checkReportSignature(forged, 'report.json')).toThrow(/has no signature/)
  })

  test('a page that was changed anywhere, or has no signature, is none that the host signed', () => {
    const text = Buffer.from(page).toString()
    const check = (changed: string) => () => checkPageSignature(Buffer.from(changed), 'report.html')
    expect(check(text.replace('Failed', 'Passed'))).toThrow(/was changed/)
    expect(check(`${text}<p>appended</p>`)).toThrow(/has no signature/)
    expect(check(text.replace(/<!-- holdfast drill.*/, ''))).toThrow(/has no signature/)
  })

  test('is signed so that openssl agrees', () => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${key.public}\n-----END PUBLIC KEY-----\n`
    const { signature } = parseDrillReport(signed, 'report.json')
    const at = Buffer.from(signed).lastIndexOf(',\n  "signature": ')
    const said = execFileSync(
      'sh',
      [
        '-c',
        'd=$(mktemp -d) && cd "$d" && printf %s "$PEM" > k && printf %s "$SIG" | base64 -d > s && cat > b && openssl pkeyutl -verify -rawin -pubin -inkey k -sigfile s -in b; rm -r "$d"',
      ],
      {
        input: signed.slice(0, at),
        env: { ...process.env, PEM: pem, SIG: signature?.value },
        encoding: 'utf8',
      },
    )
    expect(said).toContain('Verified Successfully')
  })
})

describe('the page', () => {
  test('loads nothing, runs nothing, and forbids both', () => {
    const text = Buffer.from(page).toString()
    expect(text).toContain("default-src 'none'")
    expect(text).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:|\son[a-z]+=/i)
  })

  test('shows what was seen as it was seen, whatever it holds', () => {
    const evidence = [`</li><script>alert('x')</script> & "quoted"`]
    const [first] = report.checklist
    if (!first) throw new Error('the vector has questions')
    const text = pageOf({ checklist: [{ ...first, state: 'failed', evidence, reason: '<b>' }] })
    expect(text).not.toMatch(/<script|<b>/)
    expect(text).toContain(
      '&lt;/li&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quoted&quot;',
    )
  })

  test('tells the outcome, the objectives, the phases and who signed', () => {
    const text = pageOf({}).replaceAll(/\s+/g, ' ')
    for (const part of ['✕ Failed', '9m 29s', '4 % of the target of 4h 00m', 'Replay of WAL', '16.0 MiB/s'])
      expect(text).toContain(part)
    expect(text).toContain('1 of 2 questions asked failed.')
    expect(text).toContain(fingerprintOf(key.public))
  })

  test('draws the drills of the same kind before this one, and the target when it is near', () => {
    const past = (month: number, kind: 'full' | 'dump') => ({
      ...summaryOfReport(report),
      id: `2025${String(month).padStart(2, '0')}02T040000Z-drill`,
      source: { repository: 'main', backup: null, kind },
    })
    const history = [...[1, 2, 3].map(month => past(month, 'full')), past(4, 'dump')]
    const far = pageOf({}, history)
    expect(far.match(/<path /g)).toHaveLength(4)
    expect(far).toContain('far above what is drawn')
    const near = pageOf({ rto: { actualMs: 569_250, targetMs: 500_000 } }, history)
    expect(near).toContain('class="target"')
    expect(near).toContain('over target')
    expect(pageOf({}, []).match(/<path /g)).toBeNull()
  })

  test('says what cut the drill off, and shows no figure that was not measured', () => {
    const text = pageOf({
      fault: { code: 'STORAGE_UNAVAILABLE', message: 'it is gone', hint: 'Look for it.' },
      checklist: [],
      rto: { actualMs: null, targetMs: 1000 },
      phases: [],
      reached: null,
    })
    for (const part of ['STORAGE_UNAVAILABLE', 'it is gone', 'Look for it.', 'the drill did not get so far'])
      expect(text).toContain(part)
  })
})
