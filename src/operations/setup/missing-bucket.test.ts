import { expect, test } from 'vitest'
import { Fault } from '../../base/fault.ts'
import { parseConfig } from '../../config/load.ts'
import { bucketPlaceOf } from '../rights/bucket-place.ts'
import { missingBucket } from './missing-bucket.ts'

function faultFor(repository: string): Fault {
  const text = `cluster: gathr\npostgres: { connection: x }\nrepositories: { main: { encryption: none, ${repository} } }`
  const config = parseConfig(text, 'x')
  const settings = config.repositories['main']
  if (!settings) throw new Error('the repository is there')
  const cause = new Fault('REPOSITORY_MISSING', 'NoSuchBucket', { hint: 'No.' })
  return missingBucket(bucketPlaceOf(config, 'main', settings), cause)
}

test.each([
  [
    'url: "s3://vault/pg", region: eu-central-1',
    'there is no bucket vault at region eu-central-1',
    'create-bucket --bucket vault --create-bucket-configuration LocationConstraint=eu-central-1 && ',
  ],
  [
    'url: "s3://vault", endpoint: "https://s3.example.com"',
    'there is no bucket vault at https://s3.example.com',
    'and run this again: aws --endpoint-url https://s3.example.com s3api create-bucket --bucket vault',
  ],
  [
    'url: "s3://vault", lock: { mode: compliance, keep: policy }',
    'there is no bucket vault',
    'create-bucket --bucket vault --object-lock-enabled-for-bucket',
  ],
  ['url: "gs://vault/pg"', 'there is no bucket vault', 'gcloud storage buckets create gs://vault'],
  ['url: "az://vault/pg"', 'there is no container vault', 'az storage container create --name vault'],
])('%s: the command that makes it is told', (repository, message, command) => {
  const fault = faultFor(repository)
  expect(fault).toMatchObject({ code: 'REPOSITORY_MISSING', message })
  expect(fault.hint).toContain(command)
})
