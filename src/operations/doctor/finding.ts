/** What the doctor found: one thing that was looked at, and what to change about it. */
import { isFault, type Fault } from '../../base/fault.ts'

export const areas = [
  'configuration',
  'server',
  'archiving',
  'data',
  'storage',
  'rights',
  'keys',
  'clock',
  'tools',
  'snapshots',
  'audit',
] as const

export interface Finding {
  readonly area: (typeof areas)[number]
  /** `problem`: has to be changed. `advice`: works, and could be better or safer. */
  readonly state: 'ok' | 'advice' | 'problem'
  readonly message: string
  /** What to do; absent when all is well. */
  readonly fix?: string
}

export type Area = Finding['area']

export function ok(area: Area, message: string): Finding {
  return { area, state: 'ok', message }
}

export function advice(area: Area, message: string, fix: string): Finding {
  return { area, state: 'advice', message, fix }
}

export function problem(area: Area, message: string, fix: string): Finding {
  return { area, state: 'problem', message, fix }
}

export function fromFault(area: Area, { message, hint }: Fault): Finding {
  return problem(area, message, hint)
}

/** A check that fails is a finding itself; what is not a fault is a mistake of ours, and is thrown on. */
export async function findingsOf(
  area: Area,
  check: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await check()
  } catch (error) {
    if (isFault(error) && !isFault(error, 'INTERRUPTED')) return [fromFault(area, error)]
    throw error
  }
}
