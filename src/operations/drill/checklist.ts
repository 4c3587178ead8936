/** The checklist of a drill: every question with its answer, or with the reason why it was not asked. None is left out. */
import { isFault, messageOf } from '../../base/fault.ts'
import type { Clock } from '../../base/world.ts'
import type { DrillQuestion } from '../../repository/format/drill-record.ts'
import { drillLimits } from './drill-limits.ts'

export type Answer = Pick<DrillQuestion, 'state' | 'evidence' | 'reason'>

export const ok = (...evidence: readonly string[]): Answer => ({ state: 'ok', evidence, reason: '' })
export const failed = (reason: string, evidence: readonly string[] = []): Answer => ({
  state: 'failed',
  evidence,
  reason,
})
export const notAsked = (reason: string, evidence: readonly string[] = []): Answer => ({
  state: 'not-asked',
  evidence,
  reason,
})

/** Ids stay the same from drill to drill. */
export interface Question {
  readonly id: string
  readonly question: string
}

export class Checklist {
  readonly #questions: readonly Question[]
  readonly #answers = new Map<string, Omit<DrillQuestion, 'id' | 'question'>>()
  readonly #clock: Clock

  constructor(questions: readonly Question[], clock: Clock) {
    this.#questions = questions
    this.#clock = clock
  }

  /** A question that can not be answered, because the server or its data do not let us, has failed. */
  async ask(id: string, find: () => Promise<Answer>, signal: AbortSignal): Promise<void> {
    const startedMs = this.#clock.monotonicMs()
    const answer = await find().catch((error: unknown) => {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      return failed(inShort(error))
    })
    this.set(id, answer, Math.round(this.#clock.monotonicMs() - startedMs))
  }

  set(id: string, answer: Answer, durationMs: number | null = null): void {
    if (!this.#questions.some(question => question.id === id))
      throw new Error(`assertion failed: ${id} is a question of this drill`)
    this.#answers.set(id, { ...within(answer), durationMs })
  }

  /** `whyNot`: of those that nobody came to. */
  all(whyNot: string): readonly DrillQuestion[] {
    return this.#questions.map(question => ({
      ...question,
      ...(this.#answers.get(question.id) ?? { ...notAsked(whyNot), durationMs: null }),
    }))
  }
}

function within({ state, evidence, reason }: Answer): Answer {
  const more = evidence.length - drillLimits.evidenceLinesMax
  const lines = evidence.slice(0, drillLimits.evidenceLinesMax).map(short)
  return {
    state,
    evidence: more > 0 ? [...lines, `and ${String(more)} more`] : lines,
    reason: short(reason),
  }
}

const short = (text: string): string =>
  text.length > drillLimits.evidenceCharsMax ? `${text.slice(0, drillLimits.evidenceCharsMax)}…` : text

/** In a few words what an error says, for evidence. */
export function inShort(error: unknown): string {
  const told = isFault(error, 'POSTGRES_REFUSED') && error.cause instanceof Error ? error.cause : error
  return messageOf(told).split('\n')[0] ?? ''
}
