/** The questions, each with its answer and what was seen. Those that failed stand out, by more than their colour. */
import { formatDuration } from '../../../../base/units.ts'
import type { DrillQuestion, DrillState } from '../../../../repository/format/drill-record.ts'
import { html, type Markup } from './markup.ts'

const marks: Readonly<Record<DrillState, readonly [mark: string, word: string]>> = {
  ok: ['✓', 'ok'],
  failed: ['✕', 'failed'],
  'not-asked': ['–', 'not asked'],
}

export function checklistPart(checklist: readonly DrillQuestion[]): Markup {
  if (checklist.length === 0)
    return html`<section>
      <h2>Checklist</h2>
      <p>No question was reached.</p>
    </section>`
  const count = (state: DrillState): number => checklist.filter(question => question.state === state).length
  const [ok, failed, notAsked] = [count('ok'), count('failed'), count('not-asked')]
  return html`<section class="long">
    <h2>
      Checklist
      <span class="tally"
        >${ok}
        ok${failed > 0 && ` · ${String(failed)} failed`}${notAsked > 0 && ` · ${String(notAsked)} not asked`}</span
      >
    </h2>
    <ol class="checklist">
      ${checklist.map(item)}
    </ol>
  </section>`
}

function item({ id, question, state, evidence, reason, durationMs }: DrillQuestion): Markup {
  const [mark, word] = marks[state]
  return html` <li class="${state}">
    <span class="mark" role="img" aria-label="${word}">${mark}</span>
    <div>
      <p class="question">${question} <code>${id}</code></p>
      ${reason !== '' && html`<p class="reason">${word}: ${reason}</p>`}
      ${
        evidence.length > 0 &&
        html`<ul class="evidence">
          ${evidence.map(line => html`<li>${line}</li>`)}
        </ul>`
      }
    </div>
    <span class="took">${durationMs !== null && formatDuration(durationMs)}</span>
  </li>`
}
