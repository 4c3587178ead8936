/** Against moto's EC2, with what moto leaves out (see test/support/aws-proxy.ts). The real EC2 was not asked. */
import { DescribeSnapshotsCommand, DescribeVolumesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { snapshotContract } from '../../../test/contract/snapshot-contract.ts'
import type { AwsProxy, AwsTrouble } from '../../../test/support/aws-proxy.ts'
import { describeWithAws } from '../../../test/support/describe-with-aws.ts'
import { openEbsLab, region, type EbsLab } from '../../../test/support/ebs-lab.ts'
import { day } from '../../base/units.ts'
import type { CreateRequest, TakenSnapshot } from '../provider.ts'

const signal = new AbortController().signal
const owner = { cluster: 'gathr', systemIdentifier: '7481234567890123456', repository: '3f2a9d0c5b7e' }

describeWithAws('snapshots of EBS volumes', server => {
  snapshotContract('EBS', async () => {
    const lab = await openEbsLab(server())
    const restoreFolder = await mkdtemp(join(tmpdir(), 'hf-ebs-'))
    const failing: AwsTrouble = {
      edit: xml => {
        const second = new RegExp(`(<volumeId>${lab.volumes[1]}</volumeId>\\s*<state>)pending`)
        return xml.replace(second, '$1error')
      },
    }
    server().trouble(({ action, accessKeyId }) =>
      action === 'CreateSnapshots' && accessKeyId === 'broken' ? failing : undefined,
    )
    const [provider, brokenProvider] = [lab.open(), lab.open({}, 'broken')]
    return {
      provider,
      brokenProvider,
      trees: lab.trees,
      restoreFolder,
      async madeVolumes() {
        const { Volumes = [] } = await lab.client.send(
          new DescribeVolumesCommand({ Filters: [{ Name: 'tag-key', Values: ['holdfast:place'] }] }),
        )
        return Volumes.length
      },
      files: undefined,
      async [Symbol.asyncDispose]() {
        server().trouble(() => undefined)
        await Promise.all([provider.close(), brokenProvider.close()])
        lab.client.destroy()
        await rm(restoreFolder, { recursive: true })
      },
    }
  })

  describe('as EC2 has it', () => {
    let lab: EbsLab
    let count = 0
    beforeAll(async () => {
      lab = await openEbsLab(server())
    })
    afterEach(() => {
      server().trouble(() => undefined)
    })

    const take = async (
      more: { readonly trouble?: (aws: AwsProxy) => void } = {},
      provider = lab.open(),
    ): Promise<{ readonly request: CreateRequest; readonly taken: readonly TakenSnapshot[] }> => {
      const volumes = await provider.volumesOf(lab.trees, signal)
      const id = `20260301T02${String(++count).padStart(4, '0')}Z-snapshot`
      const request = { ...owner, id, volumes, copyRules: { emptied: [], last: [] } }
      more.trouble?.(server())
      return { request, taken: await provider.create(request, signal) }
    }
    /** The ids of the snapshots with a tag, as the server has them. */
    const withId = async (id: string, where = region): Promise<readonly string[]> => {
      const { endpoint } = server()
      const client = new EC2Client({
        endpoint,
        region: where,
        credentials: { accessKeyId: 't', secretAccessKey: 't' },
      })
      const { Snapshots = [] } = await client.send(
        new DescribeSnapshotsCommand({ Filters: [{ Name: 'tag:holdfast:id', Values: [id] }] }),
      )
      client.destroy()
      return Snapshots.map(({ SnapshotId = '' }) => SnapshotId)
    }
    const idOf = (snapshot: Pick<TakenSnapshot, 'reference'> | undefined): string =>
      snapshot?.reference.split('/')[1] ?? ''
    const calls = (action: string): number => server().requests.filter(one => one.action === action).length

    test('one call makes them all, tagged, and of no other volume of the instance', async () => {
      const before = calls('CreateSnapshots')
      const { request, taken } = await take()
      expect(calls('CreateSnapshots') - before).toBe(1)
      const parameters = server().requests.findLast(one => one.action === 'CreateSnapshots')?.parameters
      expect(parameters).toMatchObject({
        'InstanceSpecification.InstanceId': lab.instance,
        'InstanceSpecification.ExcludeBootVolume': 'true',
        'InstanceSpecification.ExcludeDataVolumeId.1': lab.volumes[2],
      })
      expect([...(await withId(request.id))].sort()).toEqual(taken.map(idOf).sort())
      const { Snapshots = [] } = await lab.client.send(
        new DescribeSnapshotsCommand({ SnapshotIds: [idOf(taken[0])] }),
      )
      expect(Snapshots[0]?.VolumeId).toBe(lab.volumes[0])
      const tags = Object.fromEntries((Snapshots[0]?.Tags ?? []).map(({ Key = '', Value }) => [Key, Value]))
      expect(tags).toEqual({
        'holdfast:cluster': 'gathr',
        'holdfast:system-identifier': owner.systemIdentifier,
        'holdfast:repository': owner.repository,
        'holdfast:id': request.id,
        'holdfast:volume': 'data',
        Name: `gathr ${request.id} data`,
        team: 'data',
      })
      expect(taken[0]?.details).toMatchObject({ region, volumeType: 'gp3', iops: '4000', partition: '1' })
    })

    test('an answer that is lost is looked for, not asked for again', async () => {
      const before = calls('CreateSnapshots')
      const { request, taken } = await take({
        trouble: aws =>
          aws.trouble(({ action }) =>
            action === 'CreateSnapshots' && calls('CreateSnapshots') === before + 1 ? 'lost' : undefined,
          ),
      })
      expect(calls('CreateSnapshots') - before).toBe(1)
      expect([...(await withId(request.id))].sort()).toEqual(taken.map(idOf).sort())
    })

    test('a service that asks to be called less often is called less often', async () => {
      let refused = 0
      const { taken } = await take({
        trouble: aws =>
          aws.trouble(({ action }) =>
            action === 'CreateSnapshots' && ++refused <= 3
              ? { code: 'RequestLimitExceeded', status: 503 }
              : undefined,
          ),
      })
      expect(taken).toHaveLength(2)
      expect(refused).toBe(4)
    })

    test.each([
      ['UnauthorizedOperation', 403, 'CLOUD_DENIED', /holdfast policy iam/],
      ['ExpiredToken', 400, 'CLOUD_CREDENTIALS', /credentials/],
      ['SnapshotLimitExceeded', 400, 'CLOUD_QUOTA', /quota/],
      ['IncorrectState', 400, 'CLOUD_REFUSED', /snapshots/],
    ])('%s is a fault of its own, and nothing is left', async (code, status, expected, hint) => {
      const trouble = take({
        trouble: aws =>
          aws.trouble(({ action }) =>
            action === 'CreateTags' ? { code, status, message: 'no' } : undefined,
          ),
      })
      await expect(trouble).rejects.toMatchObject({
        code: expected,
        hint: expect.stringMatching(hint) as string,
      })
      expect(await withId(`20260301T02${String(count).padStart(4, '0')}Z-snapshot`)).toEqual([])
    })

    test('what can not be removed after a failure is named', async () => {
      const trouble = take({
        trouble: aws =>
          aws.trouble(({ action }) =>
            ['CreateTags', 'DeleteSnapshot'].includes(action)
              ? { code: 'UnauthorizedOperation', status: 403 }
              : undefined,
          ),
      })
      await expect(trouble).rejects.toThrow(/could not be removed: snap-[0-9a-f]+ .*snap-[0-9a-f]+/)
    })

    test('a volume that is not there, or not attached, is said so', async () => {
      const provider = lab.open()
      const [first] = await provider.volumesOf(lab.trees, signal)
      if (!first) throw new Error('there are volumes')
      const request = { ...owner, id: 'x', copyRules: { emptied: [], last: [] } }
      await expect(
        provider.create({ ...request, volumes: [{ ...first, source: 'vol-0123456789abcdef0' }] }, signal),
      ).rejects.toMatchObject({
        code: 'SNAPSHOT_UNSUPPORTED',
        message: expect.stringMatching(/knows no volume/) as string,
      })
    })

    test('copies go to the other region once, when the snapshot is complete', async () => {
      const provider = lab.open({ copyTo: { region: 'eu-west-1' } })
      const { request, taken } = await take({}, provider)
      const [first] = taken
      if (!first) throw new Error('there is a snapshot')
      const copy = (): Promise<unknown> =>
        provider.regions?.copy(first, owner, request.id, 'eu-west-1', signal) ?? Promise.reject(new Error())
      server().trouble(({ action, region: where }) =>
        action === 'DescribeSnapshots' && where === region
          ? { edit: xml => xml.replaceAll('>completed<', '>pending<').replaceAll('100%', '42%') }
          : undefined,
      )
      await expect(provider.describe(first, signal)).resolves.toMatchObject({ state: 'pending', percent: 42 })
      server().trouble(() => undefined)
      const made = await copy()
      expect(made).toMatchObject({ volume: 'data', details: { region: 'eu-west-1', volumeType: 'gp3' } })
      expect(await copy()).toEqual(made)
      expect(await withId(request.id, 'eu-west-1')).toHaveLength(1)
      await expect(provider.describe(made as TakenSnapshot, signal)).resolves.toMatchObject({
        state: 'ready',
      })
      await provider.remove(made as TakenSnapshot, signal)
      expect(await withId(request.id, 'eu-west-1')).toEqual([])
    })

    test('a lock keeps a snapshot, grows, and never shrinks', async () => {
      const provider = lab.open()
      const [first] = (await take({}, provider)).taken
      if (!first || !provider.locks) throw new Error('there is a snapshot, and locks')
      const now = Date.now()
      await provider.locks.lock(first, now + 10 * day, 'governance', signal)
      await provider.locks.lock(first, now + 3 * day, 'governance', signal)
      const until = (): number => server().locks.get(idOf(first))?.until.getTime() ?? 0
      expect(until()).toBeGreaterThanOrEqual(now + 10 * day - 1000)
      await provider.locks.lock(first, now + 20 * day, 'compliance', signal)
      await provider.locks.lock(first, now + 30 * day, 'governance', signal)
      expect(until()).toBeGreaterThanOrEqual(now + 30 * day - 1000)
      expect(server().locks.get(idOf(first))?.mode).toBe('compliance')
      await expect(provider.remove(first, signal)).rejects.toMatchObject({ code: 'OBJECT_LOCKED' })
    })

    test('rights are asked for without doing anything: given, missing, or not to be told', async () => {
      const provider = lab.open({ copyTo: { region: 'eu-west-1' } })
      await take({}, provider)
      const volumes = await provider.volumesOf(lab.trees, signal)
      const verdicts = async (): Promise<readonly string[]> =>
        ((await provider.rights?.(owner, volumes, signal)) ?? []).map(
          ({ right, verdict }) => `${right}: ${verdict}`,
        )
      const made = async (): Promise<number> => (await provider.list(owner, [], signal)).length
      const before = await made()
      expect(await verdicts()).toEqual([
        `ec2:CreateSnapshots in ${region}: given`,
        `ec2:LockSnapshot in ${region}: given`,
        'ec2:CopySnapshot in eu-west-1: given',
      ])
      server().trouble(({ action }) =>
        action === 'CopySnapshot'
          ? { code: 'UnauthorizedOperation', status: 403 }
          : action === 'LockSnapshot'
            ? { code: 'OperationNotPermitted', status: 400 }
            : undefined,
      )
      expect(await verdicts()).toEqual([
        `ec2:CreateSnapshots in ${region}: given`,
        `ec2:LockSnapshot in ${region}: unknown`,
        'ec2:CopySnapshot in eu-west-1: missing',
      ])
      server().trouble(() => undefined)
      expect(await made()).toBe(before)
    })

    test('a restore that fails half way takes the new volume away again', async () => {
      const provider = lab.open()
      const [first] = (await take({}, provider)).taken
      if (!first) throw new Error('there is a snapshot')
      server().trouble(({ action }) =>
        action === 'AttachVolume' ? { code: 'AttachmentLimitExceeded' } : undefined,
      )
      const request = {
        ...owner,
        id: 'x',
        snapshot: first,
        fileSystem: 'xfs',
        inside: '',
        to: '/nowhere/at/all',
      }
      await expect(provider.restore(request, signal)).rejects.toMatchObject({ code: 'CLOUD_QUOTA' })
      const { Volumes = [] } = await lab.client.send(
        new DescribeVolumesCommand({ Filters: [{ Name: 'snapshot-id', Values: [idOf(first)] }] }),
      )
      expect(Volumes).toEqual([])
    })
  })
})
