/** The configuration of a throw-away Ceph: one monitor, one OSD that keeps its objects in memory, one radosgw. */

export interface CephSettings {
  readonly root: string
  readonly fsid: string
  readonly monitorPort: number
  readonly gatewayPort: number
  /** Certificate and key in one file, to speak TLS. */
  readonly certificatePath: string | undefined
  readonly sizeBytesMax: number
  /** Further lines of the section `[client.rgw]`. */
  readonly extra: readonly string[]
}

/** Keys of the "testing" key service that radosgw brings for SSE-KMS. */
export const kmsKeys = ['testkey-1', 'testkey-2'] as const
const kmsSecrets = kmsKeys.map((key, i) => `${key}=${Buffer.alloc(32, i + 1).toString('base64')}`).join(' ')

export function cephConf(settings: CephSettings): string {
  return `${[...global(settings), ...monitor(settings), ...osd(settings), ...gateway(settings)].join('\n')}\n`
}

function global({ root, fsid, monitorPort }: CephSettings): readonly string[] {
  return [
    '[global]',
    `fsid = ${fsid}`,
    `mon host = [v2:127.0.0.1:${String(monitorPort)}]`,
    'public addr = 127.0.0.1',
    'cluster addr = 127.0.0.1',
    'ms bind ipv6 = false',
    'ms bind msgr1 = false',
    // Without keys; the modes have to be said, or radosgw insists on the secure one and tries for ever.
    'auth cluster required = none',
    'auth service required = none',
    'auth client required = none',
    'ms mon client mode = crc',
    'ms client mode = crc',
    `run dir = ${root}/run`,
    `admin socket = ${root}/run/$name.$pid.asok`,
    `pid file = ${root}/run/$name.pid`,
    `log file = ${root}/log/$name.log`,
    `crash dir = ${root}/run`,
    'osd crush chooseleaf type = 0',
    'osd pool default size = 1',
    'osd pool default min size = 1',
    'osd pool default pg num = 1',
    'osd pool default pgp num = 1',
    'osd pool default pg autoscale mode = off',
    'mon allow pool size one = true',
    'mon max pg per osd = 1000',
    'mon warn on pool no redundancy = false',
  ]
}

function monitor({ root }: CephSettings): readonly string[] {
  return [
    '[mon]',
    `mon data = ${root}/mon`,
    'mon data avail crit = 1',
    // One second for each change of the maps by default, which makes a start take twelve.
    'paxos propose interval = 0.02',
    'mon tick interval = 1',
  ]
}

function osd({ root, sizeBytesMax }: CephSettings): readonly string[] {
  return [
    '[osd]',
    `osd data = ${root}/osd`,
    'osd objectstore = memstore',
    `memstore device bytes = ${String(sizeBytesMax)}`,
    // So long whoever tells all gateways of a change waits for one that was killed.
    'osd client watch timeout = 2',
    'osd max object name len = 460',
    'osd max object namespace len = 64',
  ]
}

function gateway({ root, gatewayPort, certificatePath, extra }: CephSettings): readonly string[] {
  const listen =
    certificatePath === undefined
      ? `endpoint=127.0.0.1:${String(gatewayPort)}`
      : `ssl_endpoint=127.0.0.1:${String(gatewayPort)} ssl_certificate=${certificatePath}`
  return [
    '[client.rgw]',
    `rgw data = ${root}/rgw`,
    // Without tcp_nodelay each small answer takes 44 ms.
    `rgw frontends = beast ${listen} tcp_nodelay=1`,
    'rgw dns name = localhost',
    'rgw thread pool size = 64',
    'rgw crypt require ssl = false',
    'rgw crypt s3 kms backend = testing',
    `rgw crypt s3 kms encryption keys = ${kmsSecrets}`,
    // A day of lifecycle rules lasts ten seconds.
    'rgw lc debug interval = 10',
    'rgw lifecycle work time = 00:00-23:59',
    'rgw gc obj min wait = 5',
    'rgw gc processor period = 10',
    ...extra,
  ]
}
