/** What the doctor found, for people: one line for each thing, and under it what to change. */
import { areas, type Finding } from '../operations/doctor/finding.ts'
import { counted } from './table.ts'

const marks = { ok: 'ok    ', advice: 'ADVICE', problem: 'CHANGE' } as const
const indent = ' '.repeat(Math.max(...areas.map(area => area.length)) + 10)

export function findingsText(findings: readonly Finding[]): string {
  const ordered = areas.flatMap(area => findings.filter(finding => finding.area === area))
  return `${ordered.map(lineOf).join('')}\n${verdictOn(findings)}\n`
}

function lineOf({ area, state, message, fix }: Finding, index: number, all: readonly Finding[]): string {
  const name = all[index - 1]?.area === area ? '' : area
  const told = fix === undefined ? '' : `${indent}→ ${fix}\n`
  return `${name.padEnd(indent.length - 8)}${marks[state]}  ${message}\n${told}`
}

function verdictOn(findings: readonly Finding[]): string {
  const problems = findings.filter(({ state }) => state === 'problem').length
  const hints = findings.filter(({ state }) => state === 'advice').length
  const aside = hints === 0 ? '' : ` (and ${counted(hints, 'piece')} of advice)`
  return problems === 0
    ? `All is well${aside}.`
    : `${counted(problems, 'thing has', 'things have')} to be changed${aside}.`
}
