/**
 * The runbook for a lost region, carried out to the letter. Two S3 servers are the regions; the first is killed, and once the
 * server runs on, once it is lost, too.
 */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cephMissing } from '../support/ceph-server.ts'
import { followPage } from '../support/follow-page.ts'
import { openRegionPair, type RegionPair } from '../support/region-pair.ts'
import { serverByHand, type ServerByHand } from '../support/server-by-hand.ts'

const page = 'docs/runbooks/lost-region.md'

const reason = cephMissing()
if (reason !== undefined) console.warn(`left out: a lost region: ${reason}`)

describe.skipIf(reason !== undefined)('a region is lost', () => {
  let byHand: ServerByHand
  let pair: RegionPair
  let settings: Readonly<Record<string, string>>

  beforeAll(async () => {
    pair = await openRegionPair({ major: 15, build: 'debian' })
    const { lab } = pair
    const { main, second } = lab.config.repositories
    lab.writeConfig('holdfast.yaml', { repositories: { main, second: { ...second, copy_of: 'main' } } })
    const failover = lab.writeConfig('second-alone.yaml', { repositories: { second } })
    await lab.ok(['init', '--yes'])
    await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 1000) AS id')
    await lab.backup()
    await lab.server.query('INSERT INTO t VALUES (1001)')
    await lab.archiveAll()
    await lab.ok(['copy'])
    byHand = serverByHand(lab.server)
    settings = {
      CONFIG: lab.configPath,
      FAILOVER: failover,
      DATA: lab.server.dataDirectory,
      START: byHand.start,
    }
    await pair.regions.main.ceph.stop()
  })

  afterAll(async () => {
    byHand[Symbol.dispose]()
    await pair[Symbol.asyncDispose]()
  })

  test('the server that runs goes on with the second one', async () => {
    const { lab, regions } = pair
    await lab.server.query('INSERT INTO t VALUES (1002)')
    const { status, output } = await followPage(lab, page, settings)
    expect(status, output).toBe(0)
    await lab.server.query('INSERT INTO t VALUES (1003)')
    await lab.archiveAll()
    expect(await regions.second.hasBackup()).toBe(true)
  })

  test('the server that is lost as well comes back from the second one, to the last row archived', async () => {
    const { lab } = pair
    await lab.server.stop('immediate')
    rmSync(lab.server.dataDirectory, { recursive: true })
    const { status, output } = await followPage(lab, page, settings)
    expect(status, output).toBe(0)
    expect(await lab.server.value('SELECT count(*) FROM t'), output).toBe('1003')
  })
})
