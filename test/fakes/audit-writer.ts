/** A process that enters notes in an audit trail: FOLDER, how many, and what about. Says the number of each. */
import { appendEvents } from '../../src/audit/journal.ts'
import { whoRuns } from '../../src/audit/who.ts'
import { systemWorld } from '../../src/base/world.ts'

const [folder = '', count = '', about = ''] = process.argv.slice(2)
const world = systemWorld()
const who = whoRuns(process.env, { terminal: false, verb: 'test' })
const signal = new AbortController().signal
for (let i = 1; i <= Number(count); i++) {
  const at = new Date(world.clock.now()).toISOString()
  const facts = { number: i, filler: 'x'.repeat(i % 700) }
  const note = { event: 'note', at, operation: about, who, about, facts } as const
  const { n } = await appendEvents(folder, [note], { world, who, tool: 'test' }, signal)
  process.stdout.write(`${String(n)}\n`)
}
