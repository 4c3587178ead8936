/** Keeps what is known of a drill in a repository: the report and the page, signed and sealed, and the record that names them. */
import { isFault } from '../../../base/fault.ts'
import { second } from '../../../base/units.ts'
import type { Encoding } from '../../../pipeline/codec.ts'
import { putDrill } from '../../../repository/drill-catalog.ts'
import { summaryOfReport } from '../../../repository/format/drill-json.ts'
import type { DrillReport, DrillSummary } from '../../../repository/format/drill-record.ts'
import { drillIdOf } from '../../../repository/layout.ts'
import type { Repository } from '../../../repository/repository.ts'
import { drillFilesOf } from './drill-files.ts'
import type { SigningKey } from './signature.ts'

export interface DrillHome {
  readonly repository: Repository
  readonly encoding: Encoding
}

/**
 * Returns what was kept: under the id of a later second when another drill was begun in the same one. `key`: of this host; open it
 * before the drill, so that none is lost for want of it. `history`: drills before this one, oldest first.
 */
export async function keepDrill(
  { repository, encoding }: DrillHome,
  report: DrillReport,
  how: { readonly key: SigningKey; readonly history: readonly DrillSummary[] },
  signal: AbortSignal,
): Promise<DrillReport> {
  for (let later = 0; ; later++) {
    const id = later === 0 ? report.id : drillIdOf(Date.parse(report.startedAt) + later * second)
    const kept = { ...report, id }
    try {
      await putDrill(repository, summaryOfReport(kept), drillFilesOf(kept, how), encoding, signal)
      return kept
    } catch (error) {
      if (!isFault(error, 'OBJECT_CONFLICT') || later === laterSecondsMax) throw error
    }
  }
}

const laterSecondsMax = 20
