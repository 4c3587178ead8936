/** Reads back what is stored. */
import type { Scene } from '../story.ts'

export interface Verified {
  readonly durationMs: number
}

export async function verifyAll({ tell, holdfast }: Scene): Promise<Verified> {
  tell.step('Is the repository whole?')
  tell.say('All that is stored is read back: each backup, and the WAL from its start on.')
  const { out, durationMs } = await holdfast(['verify'], { doing: 'reading everything back' })
  tell.check(
    'every object could be read, opened and unpacked, and is as it was written',
    /as it was written/.test(out),
  )
  return { durationMs }
}
