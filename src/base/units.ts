/** Sizes, durations and times: how people write them, and how we print them. Bytes and milliseconds inside. */

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB
export const TiB = 1024 * GiB

export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour
export const week = 7 * day

const sizeUnits: Readonly<Record<string, number>> = {
  b: 1,
  kib: KiB,
  mib: MiB,
  gib: GiB,
  tib: TiB,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}
const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: second,
  m: minute,
  h: hour,
  d: day,
  w: week,
}

/** `64MiB`, `1.5 GB`, `512B`: bytes, or undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, sizeUnits)
}

/** `200MiB/s`: bytes a second, or undefined when it is not a rate. */
export function parseRate(text: string): number | undefined {
  const size = /^(.*)\/\s*s$/i.exec(text.trim())?.[1]
  return size === undefined ? undefined : parseSize(size)
}

export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`

/** `7d`, `1h`, `90s`, `1h30m`: milliseconds, or undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  const parts = text
    .trim()
    .toLowerCase()
    .match(/\d+(?:\.\d+)?\s*[a-z]+/g)
  if (!parts || parts.join('').replaceAll(' ', '') !== text.trim().toLowerCase().replaceAll(' ', ''))
    return undefined
  const values = parts.map(part => parseQuantity(part, durationUnits))
  return values.some(value => value === undefined)
    ? undefined
    : values.reduce<number>((sum, value) => sum + (value ?? 0), 0)
}

/** How long something is kept, in days, months and years as the calendar has them. */
export type KeepSpan =
  { readonly years?: number; readonly months?: number; readonly days?: number } | 'forever'

/** `1y`, `18mo`, `4w`, `400d`, `forever`; undefined when it is none of these. */
export function parseSpan(text: string): KeepSpan | undefined {
  if (text === 'forever') return 'forever'
  const [, digits = '', unit] = /^([1-9]\d{0,4})\s*(d|w|mo|y)$/.exec(text.trim().toLowerCase()) ?? []
  const count = Number(digits)
  if (unit === 'd') return { days: count }
  if (unit === 'w') return { days: 7 * count }
  if (unit === 'mo') return { months: count }
  return unit === 'y' ? { years: count } : undefined
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  const unit = units[match?.[2]?.toLowerCase() ?? '']
  return match && unit !== undefined ? Math.round(Number(match[1]) * unit) : undefined
}

/** `1,234,567`. Without Intl, whose data take longer to load than a short command runs. */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** `4.1 GiB`, `812 MiB`, `17 B`. */
export function formatBytes(bytes: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [TiB, 'TiB'],
    [GiB, 'GiB'],
    [MiB, 'MiB'],
    [KiB, 'KiB'],
  ]
  const step = steps.find(([size]) => bytes >= size)
  if (!step) return `${bytes.toFixed(0)} B`
  const value = bytes / step[0]
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${step[1]}`
}

/** `1h 02m`, `4m 10s`, `12.3 s`, `80 ms`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < second) return `${durationMs.toFixed(0)} ms`
  if (durationMs < minute) return `${(durationMs / second).toFixed(1)} s`
  const pad = (n: number): string => String(n).padStart(2, '0')
  const seconds = Math.round(durationMs / second)
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))}m ${pad(seconds % 60)}s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 48 * 60) return `${String(Math.floor(minutes / 60))}h ${pad(minutes % 60)}m`
  return `${String(Math.floor(minutes / 1440))}d ${pad(Math.floor((minutes % 1440) / 60))}h`
}

/** `2026-03-01 02:00:00+00:00`: always UTC, always with the offset; fractions only when there are any. */
export function formatTime(epochMs: number): string {
  const text = new Date(epochMs).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 19)}${text.slice(19, 23) === '.000' ? '' : text.slice(19, 23)}+00:00`
}
