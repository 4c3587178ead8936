/** Users of a Ceph, one for each role, who have exactly the policies that `holdfast policy` prints. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { stringify } from 'yaml'
import { roles, type Role } from '../../src/policy/rights/roles.ts'
import type { CephServer, CephUser } from './ceph-server.ts'
import { describeRun, startHoldfast } from './holdfast.ts'

export type Users = Readonly<Record<Role, CephUser>>

export async function makeUsers(ceph: CephServer): Promise<Users> {
  await ceph.admin('caps', 'add', '--uid', 'owner', '--caps', 'user-policy=*')
  const users = await Promise.all(roles.map(role => ceph.makeUser({ uid: role })))
  return Object.fromEntries(roles.map((role, i) => [role, users[i]])) as unknown as Users
}

/** Gives each user exactly the policy that is printed for the role. */
export async function grant(ceph: CephServer, config: string, bucket: string): Promise<void> {
  for (const role of roles) {
    const policy = await printed(config, 'iam', '--role', role)
    const what = ['--user-name', role, '--policy-name', bucket, '--policy-document', 'file:///dev/stdin']
    aws(ceph, policy, 'iam', 'put-user-policy', ...what)
  }
}

/** Only for `holdfast policy`. */
export function writePolicyConfig(ceph: CephServer, bucket: string, rest: object = {}): string {
  const path = join(ceph.root, `${bucket}.yaml`)
  const postgres = { connection: 'host=/nowhere' }
  const repositories = { main: repositoryOf(ceph, bucket, ceph, rest) }
  writeFileSync(path, stringify({ cluster: 'lab', postgres, repositories }))
  execFileSync('chmod', ['a+rx', ceph.root])
  return path
}

export async function printed(config: string, ...args: readonly string[]): Promise<string> {
  const run = await startHoldfast(['--config', config, 'policy', ...args]).ended
  expect(run.status, describeRun(run)).toBe(0)
  return run.out
}

/** As the owner of the bucket, with the vendor's own program. */
export function aws(ceph: CephServer, input: string, ...args: readonly string[]): string {
  const words = ['/usr/bin/aws', '--endpoint-url', ceph.endpoint, ...args]
  return execFileSync('/bin/sh', ['-c', 'cat | "$0" "$@"', ...words], {
    input,
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      AWS_ACCESS_KEY_ID: ceph.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
      AWS_DEFAULT_REGION: ceph.region,
    },
  })
}

export function repositoryOf(
  ceph: CephServer,
  bucket: string,
  user: Pick<CephUser, 'accessKeyId' | 'secretAccessKey'>,
  rest: object = {},
): object {
  return {
    url: `s3://${bucket}/pg`,
    endpoint: ceph.endpoint,
    region: ceph.region,
    credentials: { access_key_id: user.accessKeyId, secret_access_key: user.secretAccessKey },
    encryption: 'none',
    ...rest,
  }
}

/** What a raw request with these keys comes to: `done`, or the server's word for why not. */
export async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    return error instanceof Error ? error.name : String(error)
  }
}
