/** The same as the plain text of a mail, for those who read HTML: tables and inline styles, since that is what mail programs know. */
import { encode } from 'html-entities'
import type { Notice } from '../policy/alerts/notice.ts'
import { inOrder, linesOf, titleOf } from '../policy/alerts/words.ts'

export function mailHtml(notices: readonly Notice[]): string {
  const parts = inOrder(notices).map(noticeHtml)
  return `<!doctype html><html><body style="font:14px/1.5 sans-serif;color:#222">${parts.join('')}</body></html>`
}

function noticeHtml(notice: Notice): string {
  const rows = linesOf(notice).map(
    ([label, text]) =>
      `<tr><td style="color:#666;padding-right:16px;vertical-align:top;white-space:nowrap">${encode(label)}</td><td>${withCode(text)}</td></tr>`,
  )
  const title = `<p style="margin:0 0 8px;font-weight:bold">${encode(titleOf(notice))}</p>`
  return `<div style="border-left:4px solid ${colorOf(notice)};padding-left:12px;margin:0 0 24px">${title}<table>${rows.join('')}</table></div>`
}

/** Commands stand in backticks. */
function withCode(text: string): string {
  return text
    .split('`')
    .map((part, i, { length }) =>
      i % 2 === 1 && i < length - 1 ? `<code>${encode(part)}</code>` : encode(part),
    )
    .join('')
}

function colorOf({ kind, finding }: Notice): string {
  if (kind === 'resolved' || kind === 'test') return '#2e7d32'
  return finding.state === 'critical' ? '#c62828' : '#f9a825'
}
