/** What every WAL segment of one cluster has in common. */
export interface ClusterOfWal {
  /** Decimal, since it does not fit a JavaScript number. */
  readonly systemIdentifier: string
  readonly walSegmentSizeBytes: number
}
