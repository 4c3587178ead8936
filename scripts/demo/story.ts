/** The story: what happens, in which order, and what each step hands on to the later ones. */
import type { RunHoldfast } from './holdfast.ts'
import { connect, connectionString } from './server.ts'
import type { Stage } from './stage.ts'
import { backUp } from './steps/back-up.ts'
import { checkCopy } from './steps/check-copy.ts'
import { findAccident } from './steps/find-accident.ts'
import { haveAccident } from './steps/have-accident.ts'
import { openShopAndLoad } from './steps/load.ts'
import { restoreCopy } from './steps/restore-copy.ts'
import { setUp } from './steps/set-up.ts'
import { verifyAll } from './steps/verify-all.ts'
import type { Figures } from './summary.ts'
import type { Tell } from './tell.ts'
import { startWriter } from './writer.ts'

export const stepCount = 8

export interface Scene {
  readonly stage: Stage
  readonly tell: Tell
  readonly holdfast: RunHoldfast
  /** Rows of the table that is dropped: those that the backup holds, and all. The others are in the WAL alone. */
  readonly orders: { readonly atBackup: number; readonly inAll: number }
  readonly signal: AbortSignal
}

export async function playStory(scene: Scene): Promise<Figures> {
  await setUp(scene)
  await using original = await connect(connectionString(scene.stage))
  await using application = await connect(connectionString(scene.stage))
  await using writer = await openShopAndLoad(scene, original, () => startWriter(application))
  const backup = await backUp(scene, writer)
  const accident = await haveAccident(scene, original, writer)
  const moment = await findAccident(scene, original)
  const restored = await restoreCopy(scene, moment)
  await using copy = await connect(restored.connectionString)
  const checked = await checkCopy(scene, { original, copy, writer }, accident, moment)
  const verified = await verifyAll(scene)
  await writer.stop()
  return { backup, accident, moment, restored, checked, verified }
}
