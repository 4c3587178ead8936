/** What a bucket gives beyond a folder: locks, versions, classes, tags, encryption. */
import {
  DeleteObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { MiB, list, pattern, read, signal, text } from '../../../test/contract/tools.ts'
import type { CephServer } from '../../../test/support/ceph-server.ts'
import { kmsKeys } from '../../../test/support/ceph-conf.ts'
import { describeWithCeph } from '../../../test/support/describe-with-ceph.ts'
import { isFault } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import { openStorage, type StorageDescription } from '../open.ts'
import type { Storage } from '../storage.ts'

describeWithCeph('a bucket', theServer, { storageClasses: ['STANDARD_IA'] })

function theServer(server: () => CephServer): void {
  const open = (bucket: string, more: Partial<StorageDescription> = {}): Promise<Storage> => {
    const description = server().description(bucket, 'p')
    return openStorage(
      { ...description, ...more, access: { ...description.access, ...more.access } },
      systemWorld(),
    )
  }
  locks(server, open)
  versions(server, open)
  rules(server, open)
  encryption(server, open)
  uploads(server, open)
}

type Open = (bucket: string, more?: Partial<StorageDescription>) => Promise<Storage>

function locks(server: () => CephServer, open: Open): void {
  test('objects are locked when they are written, by rule; extended, never shortened; and not destroyed by deletion', async () => {
    const bucket = await server().makeBucket({ objectLock: true })
    const rules = [{ pattern: 'kept/**', lock: { mode: 'governance', forMs: 60_000 } }] as const
    const storage = await open(bucket, { rules })
    expect(await storage.traits(signal)).toMatchObject({ versioned: true, lockable: true })
    await storage.put('kept/small', text('x'), signal)
    await storage.put('free', text('x'), signal)
    const writer = await storage.create('kept/large', signal)
    await writer.write(pattern(9 * MiB))
    await writer.commit()
    for (const key of ['kept/small', 'kept/large']) {
      const untilMs = (await storage.stat(key, signal))?.retainedUntilMs ?? 0
      expect(Math.abs(untilMs - Date.now() - 60_000)).toBeLessThan(20_000)
      await storage.retain(key, { mode: 'governance', untilMs: untilMs + 30_000 }, signal)
      await storage.retain(key, { mode: 'governance', untilMs }, signal)
      const extendedMs = (await storage.stat(key, signal))?.retainedUntilMs ?? 0
      expect(Math.abs(extendedMs - untilMs - 30_000)).toBeLessThan(1_000)
    }
    expect((await storage.stat('free', signal))?.retainedUntilMs).toBeUndefined()
    await storage.delete(['kept/small'], signal)
    expect(await storage.stat('kept/small', signal)).toBeUndefined()
    const client = server().client()
    const { Versions } = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'p/kept/small' }),
    )
    const VersionId = Versions?.[0]?.VersionId
    await expect(
      client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'p/kept/small', VersionId })),
    ).rejects.toThrow()
    await storage.close()
  })
}

function versions(server: () => CephServer, open: Open): void {
  test('what was deleted and written over with stolen credentials is read as it was before', async () => {
    const bucket = await server().makeBucket({ versioned: true })
    const storage = await open(bucket)
    for (const key of ['a', 'b', 'c/d', 'c/e']) await storage.put(key, text(`${key} then`), signal)
    await storage.delete(['c/e'], signal)
    // Some servers tell the times of versions in whole seconds (Ceph from 18 on, Amazon).
    await delay(1010)
    const asOfMs = Date.now()
    await delay(1010)
    await storage.delete(['a', 'c/d'], signal)
    const Body = Buffer.from('encrypted by somebody else')
    await server()
      .client()
      .send(new PutObjectCommand({ Bucket: bucket, Key: 'p/b', Body }))
    await storage.put('later', text('x'), signal)

    const past = await open(bucket, { asOfMs })
    expect((await list(past, '')).map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([
      ['a', 6],
      ['b', 6],
      ['c/d', 8],
    ])
    expect((await list(past, '', 'a')).map(({ key }) => key)).toEqual(['b', 'c/d'])
    for (const key of ['a', 'b', 'c/d']) {
      expect((await read(past, key)).toString()).toBe(`${key} then`)
      expect(await past.stat(key, signal)).toMatchObject({ key })
    }
    expect((await read(past, 'b', { startBytes: 2, endBytes: 6 })).toString()).toBe('then')
    for (const key of ['later', 'c/e', 'c']) {
      expect(await past.stat(key, signal)).toBeUndefined()
      await expect(read(past, key)).rejects.toSatisfy(error => isFault(error, 'OBJECT_MISSING'))
    }
    for (const refused of [
      past.put('n', text('x'), signal),
      past.create('n', signal),
      past.delete(['b'], signal),
    ])
      await expect(refused).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNSUPPORTED'))
    await Promise.all([past.close(), storage.close()])
  })

  test('a bucket that keeps no versions can not be read as it was, and says so', async () => {
    const past = await open(await server().makeBucket(), { asOfMs: Date.now() })
    await expect(list(past, '')).rejects.toThrow('keeps no versions')
    await expect(past.stat('a', signal)).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNSUPPORTED'))
    await past.close()
  })
}

function rules(server: () => CephServer, open: Open): void {
  test('class and tags come from the first rule that matches', async () => {
    const bucket = await server().makeBucket()
    const storage = await open(bucket, {
      rules: [
        { pattern: '*/wal/**', storageClass: 'STANDARD_IA', tags: { kind: 'wal', 'who?': 'a&b=c' } },
        { pattern: '**', tags: { kind: 'other' } },
      ],
      access: { requesterPays: true },
    })
    await storage.put('main/wal/1/2', text('x'), signal)
    const writer = await storage.create('main/wal/large', signal)
    await writer.write(pattern(9 * MiB))
    await writer.commit()
    await storage.put('main/backup.json', text('x'), signal)
    expect(await storage.stat('main/wal/1/2', signal)).toMatchObject({ storageClass: 'STANDARD_IA' })
    expect((await list(storage, 'main/wal/large'))[0]).toMatchObject({ storageClass: 'STANDARD_IA' })
    const tagsOf = async (key: string): Promise<unknown> =>
      (
        await server()
          .client()
          .send(new GetObjectTaggingCommand({ Bucket: bucket, Key: `p/${key}` }))
      ).TagSet
    expect(await tagsOf('main/wal/1/2')).toEqual(
      expect.arrayContaining([
        { Key: 'kind', Value: 'wal' },
        { Key: 'who?', Value: 'a&b=c' },
      ]),
    )
    expect(await tagsOf('main/wal/large')).toHaveLength(2)
    expect(await tagsOf('main/backup.json')).toEqual([{ Key: 'kind', Value: 'other' }])
    await storage.close()
  })
}

function encryption(server: () => CephServer, open: Open): void {
  test('with a key of our own nobody reads without it', async () => {
    const bucket = await server().makeBucket()
    const keyBase64 = Buffer.alloc(32, 7).toString('base64')
    const storage = await open(bucket, {
      access: { serverSideEncryption: { kind: 'customer-key', keyBase64 } },
    })
    const bytes = pattern(9 * MiB + 3)
    const writer = await storage.create('large', signal)
    await writer.write(bytes)
    expect(await writer.commit()).toBe('written')
    await storage.put('small', text('hello'), signal)
    expect((await read(storage, 'large')).equals(bytes)).toBe(true)
    expect((await read(storage, 'small', { startBytes: 1, endBytes: 4 })).toString()).toBe('ell')
    expect(await storage.stat('small', signal)).toMatchObject({ sizeBytes: 5 })
    const without = await open(bucket)
    await expect(read(without, 'small')).rejects.toSatisfy(error =>
      isFault(error, 'FAILED', 'STORAGE_DENIED'),
    )
    await Promise.all([storage.close(), without.close()])
  })

  test('a key of the key service is used when it is named', async () => {
    const bucket = await server().makeBucket()
    const [keyId] = kmsKeys
    const storage = await open(bucket, { access: { serverSideEncryption: { kind: 'kms', keyId } } })
    const writer = await storage.create('large', signal)
    await writer.write(pattern(9 * MiB))
    await writer.commit()
    await storage.put('small', text('x'), signal)
    for (const key of ['p/large', 'p/small']) {
      const head = await server()
        .client()
        .send(new HeadObjectCommand({ Bucket: bucket, Key: key }))
      expect(head).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyId })
    }
    expect((await read(storage, 'large')).equals(pattern(9 * MiB))).toBe(true)
    await storage.close()
  })
}

function uploads(server: () => CephServer, open: Open): void {
  test('an upload that is given up, and one whose key is taken, leave no parts behind', async () => {
    const bucket = await server().makeBucket()
    const storage = await open(bucket)
    const aborted = await storage.create('aborted', signal)
    await aborted.write(pattern(20 * MiB))
    await aborted.abort()
    const second = await storage.create('taken', signal)
    await second.write(pattern(20 * MiB))
    await storage.put('taken', text('x'), signal)
    expect(await second.commit()).toBe('taken')
    const left = await server()
      .client()
      .send(new ListMultipartUploadsCommand({ Bucket: bucket }))
    expect(left.Uploads ?? []).toEqual([])
    expect((await list(storage, '')).map(({ key }) => key)).toEqual(['taken'])
    await storage.close()
  })

  test('a body that was changed on its way is refused by the server', async () => {
    const Bucket = await server().makeBucket()
    const client = server().client()
    client.middlewareStack.add(
      next => args => {
        Object.assign(args.request as object, { body: Buffer.from('hellO') })
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low', name: 'damage' },
    )
    await expect(
      client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: Buffer.from('hello') })),
    ).rejects.toThrow(/SHA256|Digest|UnknownError|match/i)
    expect(await list(await open(Bucket), '')).toEqual([])
  })

  test('where looking first was chosen, a second write is refused by looking', async () => {
    const storage = await open(await server().makeBucket(), { access: { writeOnce: 'check' } })
    expect(await storage.put('a', text('x'), signal)).toBe('written')
    expect(await storage.put('a', text('y'), signal)).toBe('taken')
    const writer = await storage.create('a', signal)
    await writer.write(pattern(9 * MiB))
    expect(await writer.commit()).toBe('taken')
    expect((await read(storage, 'a')).toString()).toBe('x')
    await storage.close()
  })
}
