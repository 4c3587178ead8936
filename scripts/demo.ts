/**
 * `npm run demo`: the main job as a story. A throw-away PostgreSQL, the real program, an accident, and the way back.
 * Ends with 0 only when every claim that it makes was checked and holds.
 */
import { chooseAccount } from './demo/account.ts'
import { parseWish, usage, type Wish } from './demo/arguments.ts'
import { holdfastOn } from './demo/holdfast.ts'
import { keepStage } from './demo/keep.ts'
import { stopAllServers } from './demo/server.ts'
import { openStage, type Stage } from './demo/stage.ts'
import { playStory, stepCount } from './demo/story.ts'
import { summaryText, verdict, type Figures } from './demo/summary.ts'
import { createTell, type Tell } from './demo/tell.ts'

const stopped = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    stopped.abort(new Error(`stopped by ${name}`))
  })
}
// Whoever read our output has gone away, as `head` does.
process.stdout.on('error', () => {
  stopped.abort(new Error('nobody reads this'))
})

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const wish = parseWish(args)
    if (wish) return await demo(wish)
    process.stdout.write(usage)
    return 0
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
    return stopped.signal.aborted ? 130 : 1
  }
}

async function demo(wish: Wish): Promise<number> {
  const tell = createTell(process.stdout, stepCount)
  const stage = openStage(chooseAccount(), wish.orders)
  let figures: Figures | undefined
  try {
    introduce(tell, stage, wish)
    const holdfast = holdfastOn(stage, tell, stopped.signal)
    const orders = { atBackup: Math.round(wish.orders * 0.9), inAll: wish.orders }
    figures = await playStory({ stage, tell, holdfast, orders, signal: stopped.signal })
    tell.summary(summaryText(figures), verdict(tell.claims))
  } finally {
    // A demo that was stopped on purpose leaves nothing, whatever was wished before.
    if (wish.keep && !stopped.signal.aborted) keepStage(stage, tell, figures?.restored.connectionString)
    else await cleanUp(stage, tell)
  }
  return tell.claims.every(({ holds }) => holds) ? 0 : 1
}

function introduce(tell: Tell, { folder, account, holdfast }: Stage, { keep }: Wish): void {
  tell.title('Holdfast: a table is dropped, and comes back')
  const end = keep ? 'stays there' : 'is removed at the end (`npm run demo -- --keep` leaves it)'
  tell.say(`Everything happens in ${folder} and ${end}. "holdfast" is ${holdfast}.`)
  if (account.isBorrowed)
    tell.say(`PostgreSQL refuses to run as root, so all of it runs as the user "${account.name}".`)
}

async function cleanUp(stage: Stage, tell: Tell): Promise<void> {
  await tell.during('stopping the servers', stopAllServers(stage))
  stage.remove()
  tell.say(`The servers are stopped, and ${stage.folder} is removed.`)
}
