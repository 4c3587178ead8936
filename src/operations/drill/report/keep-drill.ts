/** Keeps what is known of a drill in a repository: the report and the page, signed and sealed, and the record that names them. */
import type { Encoding } from '../../../pipeline/codec.ts'
import { putDrill } from '../../../repository/drill-catalog.ts'
import { summaryOfReport } from '../../../repository/format/drill-json.ts'
import type { DrillRecord, DrillReport, DrillSummary } from '../../../repository/format/drill-record.ts'
import type { Repository } from '../../../repository/repository.ts'
import { drillFilesOf } from './drill-files.ts'
import type { SigningKey } from './signature.ts'

export interface DrillHome {
  readonly repository: Repository
  readonly encoding: Encoding
}

/** `key`: of this host; open it before the drill, so that none is lost for want of it. `history`: drills before this one, oldest first. */
export function keepDrill(
  { repository, encoding }: DrillHome,
  report: DrillReport,
  how: { readonly key: SigningKey; readonly history: readonly DrillSummary[] },
  signal: AbortSignal,
): Promise<DrillRecord> {
  return putDrill(repository, summaryOfReport(report), drillFilesOf(report, how), encoding, signal)
}
