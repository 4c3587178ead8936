/** What to do when a server turns out to be another cluster than the one that the repository knows under this name. */
export const otherClusterHint =
  'Give this server a cluster name of its own in the configuration: after pg_upgrade or a new initdb it is another cluster, and two clusters can not share one history.'
