/** What `init` says at its end, for people and for programs. */
import type { LoadedConfig } from '../../config/config.ts'
import type { SettingChange } from '../../operations/setup/settings-plan.ts'
import type { KeyPair } from '../../operations/setup/identity-file.ts'
import type { MadeRepository } from '../../operations/setup/make-repositories.ts'
import { recoverySheet } from './recovery-sheet.ts'
import { settingsLines, type SettingsOutcome } from './settings.ts'

export interface InitOutcome {
  readonly loaded: LoadedConfig
  readonly isNew: boolean
  readonly keys: KeyPair | undefined
  readonly identityFile: string
  readonly repositories: readonly MadeRepository[]
  readonly settings: SettingsOutcome
  readonly nowMs: number
}

export function reportOf(outcome: InitOutcome): { readonly json: unknown; readonly text: string } {
  return { json: jsonReport(outcome), text: textReport(outcome) }
}

/** Never holds the secret key: output of programs ends up in logs. It is in the identity file. */
function jsonReport({ loaded, isNew, keys, identityFile, repositories, settings }: InitOutcome): unknown {
  return {
    config: loaded.path,
    made: isNew,
    cluster: loaded.config.cluster,
    repositories,
    ...(keys ? { identityFile, recipient: keys.recipient } : {}),
    settings: settings.changes,
    applied: settings.applied,
    restartNeeded: waitingForRestart(settings.changes),
  }
}

function textReport({
  loaded,
  isNew,
  keys,
  identityFile,
  repositories,
  settings,
  nowMs,
}: InitOutcome): string {
  const parts = [
    [
      `configuration  ${loaded.path}${isNew ? '' : ' (was there)'}`,
      ...repositories.map(
        ({ name, location, isNew: made }) =>
          `repository     ${location} (${name})${made ? '' : ' (was there)'}`,
      ),
    ].join('\n'),
    ...(keys ? [recoverySheet(loaded.config, keys, identityFile, nowMs)] : []),
    settingsText(settings),
    nextSteps(settings, loaded),
  ]
  return parts.join('\n\n')
}

function settingsText({ changes, applied }: SettingsOutcome): string {
  if (changes.length === 0) return 'PostgreSQL is set up as it should be.'
  const lines = settingsLines(changes).trimEnd()
  if (applied) return `Set in PostgreSQL now:\n\n${lines}${restartText(changes)}`
  const isSet = changes.every(({ waiting }) => waiting)
  if (isSet) return `Set in PostgreSQL, and not in force yet:\n\n${lines}${restartText(changes)}`
  return `Set these in postgresql.conf (or run \`holdfast init --apply\`), then restart or reload the server:\n\n${lines}`
}

function restartText(changes: readonly SettingChange[]): string {
  const names = waitingForRestart(changes)
  return names.length === 0
    ? ''
    : `\n\nRESTART the server: ${names.join(' and ')} can not take effect before.`
}

function nextSteps({ changes, applied }: SettingsOutcome, { config }: LoadedConfig): string {
  const isSet = applied || changes.every(({ waiting }) => waiting)
  const first = isSet
    ? waitingForRestart(changes).length > 0
      ? ['restart the server']
      : []
    : [`make the settings, and ${changes.some(({ restart }) => restart) ? 'restart' : 'reload'} the server`]
  const steps = [
    ...first,
    '`holdfast doctor` looks whether all is well',
    '`holdfast backup` takes the first backup',
    ...(Object.values(config.repositories).some(({ url }) => !url.startsWith('file:'))
      ? [
          '`holdfast policy` prints policies: with them this host can neither delete nor read back what it stores',
        ]
      : []),
  ]
  return `Next:\n${steps.map((step, i) => `  ${String(i + 1)}. ${step}`).join('\n')}`
}

function waitingForRestart(changes: readonly SettingChange[]): readonly string[] {
  return changes.filter(({ waiting, restart }) => waiting && restart).map(({ name }) => name)
}
