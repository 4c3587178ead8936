/**
 * Events: a name and fields (`backup.finished {id, sizeBytes, durationMs}`). Written by operations and
 * services only; lower layers return or throw. No field may hold a secret.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export interface Log {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
}

export const silentLog: Log = { info() {}, warn() {} }
