/** `--keep`: what is there to look at, and how to be rid of it. */
import { chmodSync, writeFileSync } from 'node:fs'
import { postmasterFiles, type Stage } from './stage.ts'
import type { Tell } from './tell.ts'

export function keepStage(stage: Stage, tell: Tell, copy: string | undefined): void {
  stage.keep()
  const { folder, holdfast } = stage
  const script = stage.at('remove.sh')
  writeFileSync(script, removal(folder))
  chmodSync(script, 0o755)
  tell.say(`What runs goes on, and everything is in ${folder}. To look around:`)
  const places = [
    ['the original', `psql 'postgresql://postgres@/postgres?host=${stage.at('socket')}'`],
    ...(copy === undefined ? [] : [['the copy', `psql '${copy}'`]]),
    ['the repository', `cd ${folder} && ${holdfast} list`],
    ['without it', 'docs/without-holdfast.md'],
    ['remove all of it', `sh ${script}`],
  ]
  tell.quote(places.map(([what = '', how = '']) => `${what.padEnd(18)}${how}`).join('\n'))
}

const removal = (folder: string): string => `#!/bin/sh
# Stops the servers of the demo, and removes everything of it.
cd /
for file in '${folder}'/${postmasterFiles}; do
  [ -f "$file" ] || continue
  kill -INT "$(head -n 1 "$file")"
  while [ -f "$file" ]; do sleep 0.2; done
done
# What fetches WAL ahead, or pushes it, ends by itself soon after its server has, and may write until then.
tries=50
until rm -rf '${folder}' 2>/dev/null || [ $((tries -= 1)) = 0 ]; do sleep 0.2; done
[ ! -e '${folder}' ]
`
