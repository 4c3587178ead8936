import { Fault } from '../../base/fault.ts'

/** Damage inside a pack. Whoever knows the pack's name and the file's puts them in front: see `inPack`. */
export function corruptPack(why: string, cause?: unknown): Fault {
  return new Fault('OBJECT_CORRUPT', why, {
    hint: 'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.',
    cause,
  })
}
