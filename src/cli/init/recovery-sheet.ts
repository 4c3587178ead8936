/** The recovery sheet: what has to be known to bring the cluster back when this host is gone. Shown once. */
import { formatTime, second } from '../../base/units.ts'
import type { Config } from '../../config/config.ts'
import type { KeyPair } from '../../operations/setup/identity-file.ts'

const line = '='.repeat(78)

export function recoverySheet(
  { cluster, repositories }: Config,
  { identity, recipient }: KeyPair,
  identityFile: string,
  nowMs: number,
): string {
  const places = Object.entries(repositories).map(([name, { url }]) => `  Repository   ${url} (${name})`)
  return [
    line,
    '  HOLDFAST RECOVERY SHEET: print it or copy it now, it is shown only once',
    line,
    `  Cluster      ${cluster}`,
    ...places,
    `  Made         ${formatTime(Math.floor(nowMs / second) * second)}`,
    `  Public key   ${recipient}`,
    `  SECRET KEY   ${identity.reveal()}`,
    '',
    '  Everything in the repository is encrypted to the public key. Only the secret key opens it:',
    '  who has it can read every backup; when it is lost, no backup can be restored, by anybody.',
    '',
    '  Keep it in two places away from this host (a password manager, a safe): the day you need it',
    '  may be the day on which this host is gone.',
    '',
    `  This host does not need it to take backups. It lies in ${identityFile};`,
    '  you may move that file to where restores run, and remove `identity:` from the configuration.',
    line,
  ].join('\n')
}
