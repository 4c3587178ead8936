/** Whether the audit trail of this host can be written, and is whole. */
import { access, constants } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { filesIn, unwritable } from '../../audit/folder.ts'
import { errnoOf, messageOf } from '../../base/fault.ts'
import { checkTrail as checkChain } from '../audit/verify.ts'
import { fromFault, ok, problem, type Finding } from './finding.ts'

export async function checkTrail(folder: string, signal: AbortSignal): Promise<readonly Finding[]> {
  const obstacle = await obstacleOf(folder)
  if (obstacle !== undefined) return [fromFault('audit', unwritable(folder, obstacle))]
  const { entries, problems } = await checkChain(folder, [], {}, signal)
  const [first] = problems
  if (first)
    return [
      problem(
        'audit',
        `the audit trail in ${folder} is damaged: ${first.message}${problems.length > 1 ? ` (and ${String(problems.length - 1)} more)` : ''}`,
        'Run holdfast audit verify to see all of it, and find out who did that. The copies in the repositories have what was copied before (holdfast audit list --from repository). To begin a new trail, put the folder aside; do not delete it.',
      ),
    ]
  return [
    ok('audit', `the audit trail in ${folder} can be written, and is whole (${String(entries)} entries)`),
  ]
}

/** Why nothing can be added to it; undefined: it can. */
async function obstacleOf(folder: string): Promise<string | undefined> {
  try {
    const place = await nearest(folder)
    await access(place, constants.W_OK | constants.X_OK)
    if (place !== folder) return undefined
    const last = (await filesIn(folder)).at(-1)
    if (last !== undefined) await access(join(folder, last), constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** The folder itself, or in which of those above it would be made. */
async function nearest(folder: string): Promise<string> {
  try {
    await access(folder)
    return folder
  } catch (error) {
    const above = dirname(folder)
    if (errnoOf(error) !== 'ENOENT' || above === folder) throw error
    return nearest(above)
  }
}
