/** The restore itself, beside the original, which goes on. */
import { one } from '../shop.ts'
import { connect } from '../server.ts'
import type { Scene } from '../story.ts'
import { restoreWords, type Moment } from './find-accident.ts'

export interface Restored {
  readonly connectionString: string
  /** What the program says about its files: their number, size, time and rate. */
  readonly files: string
  /** From the command to the first answer of the server. */
  readonly returnedMs: number
}

export async function restoreCopy(scene: Scene, { time }: Moment): Promise<Restored> {
  const { tell, holdfast } = scene
  tell.step('Back to the moment before')
  tell.say(
    'The same command without --plan, and with --start: the copy comes up beside the original, on a private socket, with archiving off.',
  )
  const startedAt = performance.now()
  const { out } = await holdfast(restoreWords(scene, time, '--start'), { doing: 'restoring' })
  const connectionString = lineOf(out, 'connect').replace(/^psql '(.*)'$/, '$1')
  await using copy = await connect(connectionString)
  const isReady = await one<boolean>(copy, 'SELECT EXISTS (SELECT FROM orders) AND NOT pg_is_in_recovery()')
  const returnedMs = performance.now() - startedAt
  tell.check('the copy answers, and the table "orders" is there', isReady)
  return { connectionString, files: lineOf(out, 'files'), returnedMs }
}

function lineOf(out: string, label: string): string {
  const [, value] = new RegExp(`^${label} +(.+)$`, 'm').exec(out) ?? []
  if (value === undefined) throw new Error(`restore has not said "${label}"`)
  return value
}
