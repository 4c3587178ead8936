/** The examples are right as they stand, and policies can be made from them. */
import { readFileSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseConfig } from '../../config/load.ts'
import { iamPolicy } from '../../policy/rights/iam.ts'
import { roles } from '../../policy/rights/roles.ts'
import { s3BucketPolicy } from '../../policy/rights/s3-bucket.ts'
import { bucketPlaceOf } from './bucket-place.ts'

const folder = new URL('../../../examples/', import.meta.url)
const names = readdirSync(folder).filter(name => name.endsWith('.yaml'))

test('there are examples', () => {
  expect(names).toEqual(expect.arrayContaining(['gathr.yaml', 'object-storage.yaml']))
})

test.each(names)('%s is a configuration, with policies that fit into what AWS takes', name => {
  const config = parseConfig(readFileSync(new URL(name, folder), 'utf8'), name)
  for (const [repository, settings] of Object.entries(config.repositories)) {
    const place = bucketPlaceOf(config, repository, settings)
    const nobody = { account: undefined, principals: {} }
    for (const role of roles)
      expect(JSON.stringify(iamPolicy(place, role, nobody).document).length).toBeLessThan(6144)
    expect(s3BucketPolicy(place, nobody).document).toHaveProperty('Statement')
  }
})
