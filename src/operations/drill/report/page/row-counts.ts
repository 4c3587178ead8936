/** The largest of the tables that were counted; the report has all of them. */
import { formatCount } from '../../../../base/units.ts'
import type { DrillRowCount } from '../../../../repository/format/drill-record.ts'
import { html, type Markup } from './markup.ts'

const tablesMax = 20
/** So few are not torn apart on paper. */
const tablesTogetherMax = 12

export function rowCountsPart(counts: readonly DrillRowCount[]): Markup {
  if (counts.length === 0) return html``
  const largest = counts.toSorted((a, b) => b.rows - a.rows).slice(0, tablesMax)
  const more = counts.length - largest.length
  return html`<section class="${largest.length > tablesTogetherMax && 'long'}">
    <h2>
      Rows
      <span class="tally"
        >${more > 0 ? `the largest ${String(largest.length)} of ${String(counts.length)} tables` : `${String(counts.length)} ${counts.length === 1 ? 'table' : 'tables'}`}</span
      >
    </h2>
    <table>
      <thead>
        <tr>
          <th>Database</th>
          <th>Table</th>
          <th class="number">Rows</th>
        </tr>
      </thead>
      <tbody>
        ${largest.map(
          ({ database, table, rows, exact }) =>
            html` <tr>
              <td>${database}</td>
              <td class="break">${table}</td>
              <td class="number">${!exact && '≈ '}${formatCount(rows)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`
}
