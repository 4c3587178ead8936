/** Decides what the end of a run means for its job. Decides only. */
import { faultCatalogue, type FaultCode } from '../base/fault.ts'
import type { Ended } from '../policy/jobs/remember.ts'
import type { RunEnd } from './child.ts'

/** It is done; what it found is somebody's to look at, and doing it again would find the same. */
const findingsOfAll: readonly FaultCode[] = ['HOOK_AFTER_FAILED']
const findingsOf: Readonly<Record<string, readonly FaultCode[]>> = {
  backup: ['BACKUP_DAMAGED_PAGES', 'REPOSITORY_BEHIND'],
  dump: ['REPOSITORY_BEHIND'],
  snapshot: ['REPOSITORY_BEHIND'],
  verify: ['VERIFY_FAILED'],
  drill: ['DRILL_FAILED'],
}

/** `stopped` and `late` say why it was told to end, when it was. */
export function outcomeOf(kind: string, { exit, err }: RunEnd, told: 'stopped' | 'late' | undefined): Ended {
  const message = messageIn(err)
  if (exit === 0) return { outcome: 'done', exit, message: undefined }
  const isFinding = [...findingsOfAll, ...(findingsOf[kind] ?? [])].some(
    code => faultCatalogue[code].exit === exit,
  )
  if (isFinding) return { outcome: 'findings', exit, message }
  if (told === 'late') return { outcome: 'timeout', exit, message: 'it took longer than its limit of time' }
  if (told === 'stopped') return { outcome: 'stopped', exit, message }
  if (exit === undefined)
    return { outcome: 'lost', exit, message: 'how it ended is not known: the agent was killed' }
  return { outcome: exit === faultCatalogue.USAGE.exit ? 'refused' : 'failed', exit, message }
}

/** The fault that the run printed as JSON, or the last thing that it said. */
export function messageIn(err: string): string | undefined {
  const lines = err.split('\n').map(line => line.trim())
  const last = lines.findLast(line => line !== '')
  const fault = lines.findLast(line => line.startsWith('{"error":'))
  if (fault === undefined) return last?.slice(0, messageCharsMax)
  try {
    const { error } = JSON.parse(fault) as { error?: { message?: unknown } }
    return typeof error?.message === 'string' ? error.message.slice(0, messageCharsMax) : last
  } catch {
    return last?.slice(0, messageCharsMax)
  }
}

const messageCharsMax = 500
