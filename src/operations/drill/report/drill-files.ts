/** What is kept of a drill, from its report: the report itself and the page, both signed. */
import type { DrillFiles } from '../../../repository/drill-catalog.ts'
import type { DrillReport, DrillSummary } from '../../../repository/format/drill-record.ts'
import { drillPage } from './page/page.ts'
import { signPage, signReport, type SigningKey } from './signature.ts'

/** `history`: drills before this one, oldest first. */
export function drillFilesOf(
  report: DrillReport,
  { key, history }: { readonly key: SigningKey; readonly history: readonly DrillSummary[] },
): DrillFiles {
  return {
    report: signReport(report, key),
    page: signPage(drillPage({ report, history, key: key.public }), key),
  }
}
