/** The bounds of hooks; how long each may take, the configuration says. */
import { KiB, second } from '../../base/units.ts'

export const hookLimits = {
  /** One that is told to stop, or is over its limit of time, gets so long to end before it is killed. */
  stopMsMax: 2 * second,
  /** After its end, what it said last is waited for so long. */
  pipeMsMax: 250,
  /** Of what it says, so much is kept, and so much of a line shown. */
  saidCharsMax: 8 * KiB,
  lineCharsMax: 400,
  /** What is told to it in one variable. */
  variableCharsMax: 16 * KiB,
} as const
