/** Which machine of EC2 this is, as its metadata service says (IMDSv2). */
import { limits } from '../../base/limits.ts'

export interface Ec2Instance {
  readonly id: string
  readonly region: string
  readonly zone: string
}

export const metadataEndpoint = 'http://169.254.169.254'

/** Undefined: nobody answers there, so that this is no machine of EC2, or one whose metadata service is switched off. */
export async function thisInstance(endpoint: string, signal: AbortSignal): Promise<Ec2Instance | undefined> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(limits.cloudMetadataMsMax)])
  try {
    const token = await ask(`${endpoint}/latest/api/token`, within, {
      method: 'PUT',
      headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
    })
    const headers = { 'x-aws-ec2-metadata-token': token }
    const document: unknown = JSON.parse(
      await ask(`${endpoint}/latest/dynamic/instance-identity/document`, within, { headers }),
    )
    return instanceOf(document)
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

async function ask(url: string, signal: AbortSignal, init: RequestInit): Promise<string> {
  const response = await fetch(url, { ...init, signal, redirect: 'error' })
  if (!response.ok) throw new Error(`${url}: HTTP ${String(response.status)}`)
  return response.text()
}

function instanceOf(document: unknown): Ec2Instance | undefined {
  if (typeof document !== 'object' || document === null) return undefined
  const { instanceId, region, availabilityZone } = document as Readonly<Record<string, unknown>>
  if (typeof instanceId !== 'string' || typeof region !== 'string' || typeof availabilityZone !== 'string')
    return undefined
  return { id: instanceId, region, zone: availabilityZone }
}
