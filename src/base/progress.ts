/**
 * What an operation tells while it runs. The operation does not know who listens: a terminal draws a bar, a
 * log prints lines, a test collects. Calls are cheap and may come thousands of times a second.
 */
export interface Progress {
  /** A new phase begins ("copying files"); its size is in bytes when `totalBytes` is given. */
  phase(name: string, totalBytes?: number): void
  /** So many more bytes of the phase are done. */
  advance(bytes: number): void
  /** What exactly is being done ("public.orders"), shown where there is a bar to show it at. */
  detail?(text: string): void
  /** A line that people should see as it happens ("waiting for WAL segment …"). */
  note(message: string): void
}

export const silentProgress: Progress = { phase() {}, advance() {}, note() {} }
