/** What monitoring is told, and how: `metrics` of the configuration. */
import * as z from 'zod/mini'
import { described, duration, secret, section, text } from './values.ts'
import { vendorAccess } from './vendor-access.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

const addressForm = /^(?:(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9.-]+)):)?(\d{1,5})$/i

/** `9788`, `127.0.0.1:9788`, `[::]:9788`. A port alone is of this host only. */
function address() {
  return z.pipe(
    z.union([z.int(), z.string()]).check(z.meta({ title: 'an address and a port' })),
    z.transform((given, context: z.core.ParsePayload): ListenAddress => {
      const [, six, four, digits = ''] = addressForm.exec(String(given)) ?? []
      const port = Number(digits)
      if (port >= 1 && port <= 65_535) return { host: six ?? four ?? '127.0.0.1', port }
      context.issues.push({
        code: 'custom',
        message: 'is not a port, or an address and a port such as 127.0.0.1:9788',
        input: given,
      })
      return z.NEVER
    }),
  )
}

const cloudwatch = section({
  namespace: described(
    text('a namespace of your own (AWS/… is that of AWS itself)', /^(?!AWS\/)[A-Za-z0-9._/#:-]{1,255}$/),
    'The namespace that they are put in.',
    ['Gathr/Backups'],
  ),
  dimensions: described(
    z._default(
      z.record(
        text('a name (ASCII, without spaces and colons)', /^[\x21-\x39\x3b-\x7e]{1,255}$/),
        text('a value (ASCII)', /^[\x20-\x7e]{1,1024}$/),
      ),
      {},
    ),
    'Dimensions that each gets besides its own: Cluster, Repository, Kind, JobName, State, Slot.',
    [{ Environment: 'production' }],
  ),
  every: described(
    z.prefault(duration(), '5m'),
    'How often the agent sends them. CloudWatch charges for each series, and for each request.',
  ),
  region: described(
    z.optional(text('a region', /^[a-z0-9-]+$/)),
    "Without it, the vendor's configuration decides.",
    ['eu-central-1'],
  ),
  ...vendorAccess,
})
export type CloudwatchConfig = z.infer<typeof cloudwatch>

export const metrics = section({
  listen: described(
    z.optional(address()),
    'Where the agent answers Prometheus: `/metrics`, and `/healthz`. A port alone is for this host only; `0.0.0.0:9788` is for all. Nothing said: nowhere.',
    [9788, '10.0.0.5:9788'],
  ),
  token: described(
    z.optional(secret()),
    'What who asks for `/metrics` has to bring as `Authorization: Bearer …`. Nothing said: whoever reaches it may read.',
    [{ file: '/etc/holdfast/metrics-token' }],
  ),
  every: described(
    z.prefault(duration(), '5m'),
    'How often the agent looks at the repositories for it. Each look lists them, which object storage charges for.',
  ),
  cloudwatch: described(
    z.optional(cloudwatch),
    'Where they are sent in AWS: by the agent, or by `holdfast metrics --cloudwatch`.',
  ),
})
