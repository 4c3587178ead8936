import { describe, expect, test } from 'vitest'
import { place } from '../../../test/fakes/bucket-place.ts'
import { lifecyclePolicy } from './lifecycle.ts'

describe('lifecycle rules', () => {
  const week = 7 * 86_400_000

  test('give up unfinished uploads, and touch no object', () => {
    const text = JSON.stringify(
      lifecyclePolicy(place, { uploadsAfterMs: week, noncurrentAfterMs: undefined }).document,
    )
    expect(text).toContain('"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}')
    expect(text).not.toMatch(/Expiration|Transition/)
    // What is left of claims is of no use to anybody; Amazon needs none.
    const elsewhere = lifecyclePolicy(
      { ...place, endpoint: 'https://s3.example.com' },
      { uploadsAfterMs: week, noncurrentAfterMs: undefined },
    )
    expect(JSON.stringify(elsewhere.document)).toContain(
      '"Filter":{"Prefix":"pg/.claims/"},"Expiration":{"Days":1}',
    )
    expect(text).toContain('"Prefix":"pg/"')
  })

  test('take old versions when asked to, and never an object that is there', () => {
    const wish = { uploadsAfterMs: week, noncurrentAfterMs: 90 * 86_400_000 - 1 }
    const s3 = JSON.stringify(lifecyclePolicy(place, wish).document)
    expect(s3).toContain('"NoncurrentDays":90')
    expect(s3).not.toMatch(/"Expiration":\{"(?:Days|Date)"/)
    const gs = JSON.stringify(lifecyclePolicy({ ...place, kind: 'gs' }, wish).document)
    expect(gs).toContain('"isLive":false,"daysSinceNoncurrentTime":90')
  })

  test('are none on Azure, which counts the age of versions in a way that helps a thief', () => {
    const { document, apply } = lifecyclePolicy(
      { ...place, kind: 'az' },
      { uploadsAfterMs: week, noncurrentAfterMs: undefined },
    )
    expect(document).toEqual({ rules: [] })
    expect(apply).toEqual([])
  })
})
