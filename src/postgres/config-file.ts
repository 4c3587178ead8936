/**
 * Settings as lines of PostgreSQL's configuration files.
 *
 * See GUC_yylex and DeescapeQuotedString in src/backend/utils/misc/guc-file.l.
 */
import { assert } from '../base/assert.ts'

export type SettingValue = string | number | boolean

export function formatSetting(name: string, value: SettingValue): string {
  assert(/^[a-z_][a-z0-9_.]*$/i.test(name), 'the name of a setting is a word')
  return `${name} = ${quoteSetting(typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value))}\n`
}

/** In single quotes, where `'` and `\` are doubled, and a line can not end. */
export function quoteSetting(text: string): string {
  assert(!text.includes('\0'), 'settings hold no NUL')
  const escaped = text.replaceAll(/['\\]/g, '$&$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `'${escaped}'`
}
