/** There is one agent for a folder. */
import { createHash } from 'node:crypto'
import { claimName } from '../base/claim-name.ts'
import { Fault } from '../base/fault.ts'

export async function claimFolder(folder: string): Promise<AsyncDisposable> {
  const claim = await claimName(
    `holdfast-agent-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`,
  )
  if (claim) return claim
  throw new Fault('AGENT_RUNNING', `another agent works with ${folder}`, {
    hint: 'See `holdfast agent status`, or stop it with `holdfast agent stop`.',
  })
}
