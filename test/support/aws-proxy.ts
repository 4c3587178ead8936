/**
 * EC2 and RDS as moto speaks them, with what moto leaves out: locks of snapshots, volumes that are excluded, snapshots whose
 * bytes are still on their way. And it goes wrong when a test says so.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { freePort } from './node-server.ts'
import { startMoto } from './moto-server.ts'

export interface AwsRequest {
  readonly action: string
  readonly parameters: Readonly<Record<string, string>>
  /** Of the signature: which region, and whose key. */
  readonly region: string
  readonly accessKeyId: string
  /** How many with this action there were, counted from 1. */
  readonly count: number
}

export type AwsTrouble =
  /** Refused with this code, and not done. */
  | { readonly code: string; readonly status?: number; readonly message?: string }
  /** Done, but the answer is lost. */
  | 'lost'
  /** Nothing is ever said. */
  | 'silence'
  /** Done, and the answer changed. */
  | { readonly edit: (xml: string) => string }

export interface AwsProxy {
  readonly endpoint: string
  readonly requests: readonly AwsRequest[]
  readonly locks: ReadonlyMap<string, { readonly mode: string; readonly until: Date }>
  trouble(plan: (request: AwsRequest) => AwsTrouble | undefined): void
  stop(): Promise<void>
}

export async function startAws(): Promise<AwsProxy> {
  const moto = await startMoto()
  const port = await freePort()
  const requests: AwsRequest[] = []
  const locks = new Map<string, { mode: string; until: Date }>()
  let plan: (request: AwsRequest) => AwsTrouble | undefined = () => undefined

  const forward = async (
    message: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
    body: string,
  ): Promise<{ readonly status: number; readonly text: string }> => {
    const { authorization = '', 'content-type': type = '', host: _host } = message.headers
    const answer = await fetch(`${moto.endpoint}${message.url ?? '/'}`, {
      method: message.method ?? 'POST',
      headers: { authorization, 'content-type': type },
      ...(body === '' ? {} : { body }),
    })
    return { status: answer.status, text: await answer.text() }
  }

  const own = (request: AwsRequest): { status: number; text: string } | undefined => {
    const id = request.parameters['SnapshotId'] ?? request.parameters['SnapshotId.1'] ?? ''
    if (request.action === 'DeleteSnapshot' && (locks.get(id)?.until.getTime() ?? 0) > Date.now())
      return refusal(request, 'SnapshotLocked', 400, `The snapshot ${id} is locked and can't be deleted`)
    if (request.action === 'LockSnapshot' && request.parameters['DryRun'] === 'true')
      return refusal(request, 'DryRunOperation', 412, 'Request would have succeeded')
    if (request.action === 'LockSnapshot') return lock(request, id, locks)
    if (request.action !== 'DescribeLockedSnapshots') return undefined
    const found = locks.get(id)
    const item = found ? `<item>${lockXml(id, found)}</item>` : ''
    return { status: 200, text: wrap(request, `<snapshotSet>${item}</snapshotSet>`) }
  }

  /** What moto snapshots although it is excluded goes at once, from its answer as well; and it misnames the state. */
  const withoutExcluded = async (
    message: IncomingMessage,
    { action, parameters }: AwsRequest,
    text: string,
  ): Promise<string> => {
    if (action !== 'CreateSnapshots') return text
    const excluded = Object.entries(parameters)
      .filter(([name]) => name.startsWith('InstanceSpecification.ExcludeDataVolumeId.'))
      .map(([, id]) => id)
    let kept = text.replaceAll(/(<\/?)status>/g, '$1state>')
    for (const item of kept.match(/<item>\s*<snapshotId>[\s\S]*?<\/tagSet>\s*<\/item>/g) ?? []) {
      if (!excluded.some(id => item.includes(`<volumeId>${id}</volumeId>`))) continue
      kept = kept.replace(item, '')
      const id = /<snapshotId>(.*?)<\/snapshotId>/.exec(item)?.[1] ?? ''
      await forward(message, `Action=DeleteSnapshot&Version=2016-11-15&SnapshotId=${id}`)
    }
    return kept
  }

  const server = createServer((message, response) => {
    const answer = async (): Promise<void> => {
      const body = Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>)).toString()
      const request = requestOf(message, body, requests)
      requests.push(request)
      const trouble = plan(request)
      if (trouble === 'silence') return
      if (trouble !== undefined && trouble !== 'lost' && 'code' in trouble) {
        const { status, text } = refusal(request, trouble.code, trouble.status ?? 400, trouble.message)
        response.writeHead(status, { 'content-type': 'text/xml' }).end(text)
        return
      }
      const { status, text } = own(request) ?? (await forward(message, body))
      const whole = await withoutExcluded(message, request, text)
      if (trouble === 'lost') message.socket.destroy()
      else
        response.writeHead(status, { 'content-type': 'text/xml' }).end(trouble ? trouble.edit(whole) : whole)
    }
    answer().catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${String(port)}`,
    requests,
    locks,
    trouble: given => (plan = given),
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await moto.stop()
    },
  }
}

function requestOf(message: IncomingMessage, body: string, before: readonly AwsRequest[]): AwsRequest {
  const parameters = Object.fromEntries(new URLSearchParams(body))
  const action = parameters['Action'] ?? ''
  const credential = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(message.headers.authorization ?? '')
  return {
    action,
    parameters,
    region: credential?.[2] ?? '',
    accessKeyId: credential?.[1] ?? '',
    count: before.filter(one => one.action === action).length + 1,
  }
}

/** As the documentation of LockSnapshot has it: whole dates in the future, and compliance is only ever made longer. */
function lock(
  request: AwsRequest,
  id: string,
  locks: Map<string, { mode: string; until: Date }>,
): { readonly status: number; readonly text: string } {
  const { LockMode: mode = '', ExpirationDate: date, LockDuration: days } = request.parameters
  if (!/^snap-[0-9a-f]{8,17}$/.test(id)) return refusal(request, 'InvalidSnapshotID.Malformed', 400)
  if (!['governance', 'compliance'].includes(mode)) return refusal(request, 'InvalidParameterValue', 400)
  if ((date === undefined) === (days === undefined))
    return refusal(request, 'InvalidParameterCombination', 400)
  const until = date === undefined ? new Date(Date.now() + Number(days) * 86_400_000) : new Date(date)
  if (!(until.getTime() >= Date.now() + 86_400_000 - 60_000))
    return refusal(request, 'InvalidParameterValue', 400)
  const known = locks.get(id)
  if (known?.mode === 'compliance' && (mode !== 'compliance' || until < known.until))
    return refusal(request, 'InvalidParameterValue', 400, 'a lock in compliance mode can only be extended')
  locks.set(id, { mode, until })
  return { status: 200, text: wrap(request, lockXml(id, { mode, until })) }
}

function lockXml(id: string, { mode, until }: { readonly mode: string; readonly until: Date }): string {
  return `<snapshotId>${id}</snapshotId><lockState>${mode}</lockState><lockExpiresOn>${until.toISOString()}</lockExpiresOn>`
}

function wrap({ action }: AwsRequest, inner: string): string {
  return `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${inner}</${action}Response>`
}

function refusal(
  { parameters }: AwsRequest,
  code: string,
  status: number,
  message = code,
): { readonly status: number; readonly text: string } {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`
  // RDS has another envelope.
  const text = parameters['Version']?.startsWith('2014')
    ? `<ErrorResponse>${error}<RequestId>r</RequestId></ErrorResponse>`
    : `<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>`
  return { status, text }
}
