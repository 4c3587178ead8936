/** Drills as a repository keeps them, with reports that nobody reads. */
import { readFileSync } from 'node:fs'
import type { Encoding } from '../../src/pipeline/codec.ts'
import { putDrill } from '../../src/repository/drill-catalog.ts'
import { parseDrillRecord } from '../../src/repository/format/drill-json.ts'
import type { DrillRecord, DrillSummary } from '../../src/repository/format/drill-record.ts'
import { drillIdOf } from '../../src/repository/layout.ts'
import type { Repository } from '../../src/repository/repository.ts'

const {
  format: _format,
  cluster: _cluster,
  systemIdentifier: _systemIdentifier,
  report: _report,
  page: _page,
  ...vector
} = parseDrillRecord(readFileSync(new URL('../vectors/records/drill.json', import.meta.url)), 'vector')

/** One that ended at this moment. */
export function putDrillAt(
  repository: Repository,
  encoding: Encoding,
  endedMs: number,
  more: Partial<DrillSummary> = {},
): Promise<DrillRecord> {
  const startedMs = endedMs - vector.durationMs
  const summary: DrillSummary = {
    ...vector,
    id: drillIdOf(startedMs),
    startedAt: new Date(startedMs).toISOString(),
    endedAt: new Date(endedMs).toISOString(),
    ...more,
  }
  const files = { report: Buffer.from('{"report":1}'), page: Buffer.from('<p>the page</p>') }
  return putDrill(repository, summary, files, encoding, new AbortController().signal)
}
