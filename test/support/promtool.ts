/** Prometheus' own judge of metrics and rules. */
import { spawnSync } from 'node:child_process'

export const hasPromtool = spawnSync('promtool', ['--version']).status === 0
if (!hasPromtool)
  console.log('not judged by Prometheus: promtool is not installed (scripts/setup.sh --tests)')

/** What it has to complain of; nothing: all is well. */
export function promtool(words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', [...words], { input, encoding: 'utf8' })
  return status === 0 ? '' : `${stdout}${stderr}` || `promtool ended with ${String(status)}`
}
