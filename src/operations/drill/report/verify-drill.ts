/**
 * Whether what is told of a drill is what its host told: in a file that somebody was given, or in a repository. A good
 * signature says that nothing was changed since; only a key that is known beforehand says who signed.
 */
import { isDeepStrictEqual } from 'node:util'
import { Fault, isFault } from '../../../base/fault.ts'
import { findDrill, readDrillFile } from '../../../repository/drill-catalog.ts'
import { parseDrillReport, summaryOfDrill, summaryOfReport } from '../../../repository/format/drill-json.ts'
import type { Source } from '../../sources/source.ts'
import { checkPageSignature, checkReportSignature, fingerprintOf } from './signature.ts'

/** Public keys by the names that they are known by. */
export type KnownKeys = readonly (readonly [name: string, key: string])[]

export interface VerifiedDrill {
  readonly id: string
  readonly outcome: string
  /** As the report says; a page does not say so where a program could read it. */
  readonly host: string | undefined
  readonly key: string
  readonly fingerprint: string
  /** By which name the key is known here. */
  readonly signer: string
  /** What was held against its signature. */
  readonly checked: readonly string[]
}

type Told = Omit<VerifiedDrill, 'signer' | 'fingerprint'>

/** A report or a page; `file` is what it is called. */
export function verifyDrillFile(bytes: Uint8Array, file: string, keys: KnownKeys): VerifiedDrill {
  return known(isPage(bytes) ? ofPage(bytes, file) : ofReportFile(bytes, file), keys)
}

/** Both, as a repository has them, and what it tells of them without a key. */
export async function verifyStoredDrill(
  { repository, identities }: Pick<Source, 'repository' | 'identities'>,
  id: string,
  keys: KnownKeys,
  signal: AbortSignal,
): Promise<VerifiedDrill> {
  const record = await findDrill(repository, id, signal)
  if (!record)
    throw new Fault('DRILL_NOT_FOUND', `there is no drill ${id} in ${repository.storage.location}`, {
      hint: 'Run holdfast drill list to see the ids.',
    })
  const read = (file: 'report' | 'page'): Promise<Uint8Array> =>
    readDrillFile(repository, record, file, identities, signal)
  const [reportName, pageName] = [`the report of ${id}`, `the page of ${id}`]
  const reportBytes = await read('report')
  const report = ofReport(reportBytes, reportName)
  const page = ofPage(await read('page'), pageName)
  const told = summaryOfReport(parseDrillReport(reportBytes, reportName))
  if (page.key !== report.key || page.id !== id || page.outcome !== report.outcome)
    throw other(`the page of ${id}`)
  if (!isDeepStrictEqual(summaryOfDrill(record), told)) throw other(`drill.json of ${id}`)
  return known({ ...report, checked: ['report', 'page', 'drill.json'] }, keys)
}

const isPage = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, 64)).toString('latin1').trimStart().toLowerCase().startsWith('<!doctype')

function ofReport(bytes: Uint8Array, file: string): Told {
  const report = parseDrillReport(bytes, file)
  const key = checkReportSignature(bytes, file)
  return { id: report.id, outcome: report.outcome, host: report.host, key, checked: ['report'] }
}

/** A file of anybody: what can not be read need not have been one. */
function ofReportFile(bytes: Uint8Array, file: string): Told {
  try {
    return ofReport(bytes, file)
  } catch (error) {
    if (!isFault(error, 'OBJECT_CORRUPT')) throw error
    throw new Fault('OBJECT_CORRUPT', `${file} is no report of a drill that can be read`, {
      hint: 'Name a page or a report as holdfast drill show ID --html FILE or --report FILE writes it, or the id of a drill.',
      cause: error,
    })
  }
}

function ofPage(bytes: Uint8Array, file: string): Told {
  const key = checkPageSignature(bytes, file)
  const [, id = '', outcome = ''] =
    /<meta name="holdfast-drill" content="(\S+) (passed|failed)"/.exec(Buffer.from(bytes).toString()) ?? []
  return { id, outcome, host: undefined, key, checked: ['page'] }
}

function known(told: Told, keys: KnownKeys): VerifiedDrill {
  const fingerprint = fingerprintOf(told.key)
  const [signer] = keys.find(([, key]) => key === told.key) ?? []
  if (signer !== undefined) return { ...told, fingerprint, signer }
  const claimed = told.host === undefined ? '' : `, which says that it is ${told.host}`
  throw new Fault(
    'SIGNER_UNKNOWN',
    `${told.id} (${told.outcome}) is as it was signed, by a host${claimed}, whose key is not known here: ${fingerprint}`,
    {
      hint: `Run \`holdfast drill key\` on the host that signed; when it shows this key, give it with --key ${told.key}, or pin it as one of \`trusted_keys\` of \`drills\` in the configuration.`,
    },
  )
}

const other = (what: string): Fault =>
  new Fault('SIGNATURE_INVALID', `${what} says something else than the report that was signed`, {
    hint: 'Rely on the report alone, and find out who changed the other.',
  })
