import { systemWorld } from '../../base/world.ts'
import { describeWithCeph } from '../../../test/support/describe-with-ceph.ts'
import { storageContract } from '../../../test/contract/storage-contract.ts'
import { openStorage } from '../open.ts'

describeWithCeph('S3', server => {
  storageContract(
    's3 on Ceph',
    async () => openStorage(server().description(await server().makeBucket(), 'some/prefix'), systemWorld()),
    { large: true, copies: 'proven' },
  )
})
