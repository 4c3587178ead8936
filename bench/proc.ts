/** Texts of /proc, parsed. */
import { KiB } from '../src/base/units.ts'

/** A line such as `Pss:   320 kB`, in bytes; 0 when there is none. */
export function parseKiB(text: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)
  return Number(match?.[1] ?? 0) * KiB
}

/** User and system time of children that were waited for, from /proc/<pid>/stat, in clock ticks. */
export function parseChildCpuTicks(stat: string): number {
  // The second field is the program's name in brackets and may hold anything; numbers begin behind the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system] = [fields[13], fields[14]]
  if (user === undefined || system === undefined) throw new Error('/proc/self/stat has too few fields')
  return Number(user) + Number(system)
}
