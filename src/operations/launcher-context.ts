/**
 * What bin/holdfast, a shell script, compares by itself before it answers without starting Node: that the configuration
 * file is the very same, the host has not been started again, and the environment leads to the same places. Spelled
 * the same there.
 */
import { statSync, type BigIntStats } from 'node:fs'
import { ownProcess } from '../base/process-identity.ts'

/** Where these lead, the same URL may lead to another place. */
const environmentNames = [
  'HOME',
  'AWS_PROFILE',
  'AWS_CONFIG_FILE',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'STORAGE_EMULATOR_HOST',
  'AZURE_STORAGE_ACCOUNT',
] as const

/** Three lines. Undefined when the configuration file can not be looked at, or the host does not tell its boot. */
export async function launcherContext(
  configPath: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly [configStamp: string, boot: string, settings: string] | undefined> {
  const configStamp = stampOf(configPath)
  const { bootId } = await ownProcess()
  if (configStamp === undefined || bootId === 'unknown') return undefined
  return [configStamp, bootId, environmentNames.map(name => environment[name] ?? '').join('|')]
}

/**
 * `stat -L -c %d:%i:%s:%.9Y:%.9Z`, as bin/holdfast asks for it. Undefined when there is no such file, or it can not be
 * looked at.
 */
export function stampOf(path: string): string | undefined {
  const info = lookAt(path)
  if (!info) return undefined
  const { dev, ino, size, mtimeNs, ctimeNs } = info
  return [dev, ino, size, seconds(mtimeNs), seconds(ctimeNs)].join(':')
}

function lookAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function seconds(ns: bigint): string {
  return `${String(ns / 1_000_000_000n)}.${String(ns % 1_000_000_000n).padStart(9, '0')}`
}
