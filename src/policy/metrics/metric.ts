/** What is said of each metric in the catalogue. */
export interface Metric {
  readonly type: 'gauge' | 'counter'
  /** `timestamp`: seconds since 1970. `state`: 1 for what is, 0 for what is not. */
  readonly unit: 'bytes' | 'seconds' | 'timestamp' | 'number' | 'state'
  /** A sentence. */
  readonly help: string
  readonly labels: readonly string[]
  /** Who knows it: somebody who looks at the repositories, or the agent. */
  readonly from: 'repositories' | 'agent'
  /** Its name in CloudWatch, where each series costs money: what is not worth an alarm has none. */
  readonly cloudwatch?: string
}
