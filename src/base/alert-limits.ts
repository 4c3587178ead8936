/** The bounds of alerts and of their sinks; the others are in limits.ts. */
import { KiB, minute, second } from './units.ts'

export const alertLimits = {
  /** The agent does not look more often, whatever the configuration says. */
  lookEveryMsMin: 1 * second,
  /** So many findings of one look become alerts. */
  alertsMax: 500,
  /** Of an alert that comes and goes, so many times are remembered. */
  alertComingsMax: 50,
  /** So many notices wait for a sink that is out of reach. */
  alertOutboxMax: 1000,
  /** A sink that failed is tried again after so long, and then twice as long each time, up to the second. */
  sinkPauseMsFirst: 5 * second,
  sinkPauseMsMax: 15 * minute,
  /** What is on its way when the agent ends has so long to arrive. */
  sinkEndMsMax: 5 * second,
  /** One message to a sink of alerts may take so long. */
  sinkMsMax: 30 * second,
  /** Of what a sink answers, so much is read, and so much is told. */
  sinkAnswerBytesMax: 64 * KiB,
  sinkSaidCharsMax: 300,
  /** So many notices make one message. */
  sinkTogetherMax: 20,
  /** What PagerDuty takes as a summary. */
  pagerDutySummaryCharsMax: 1024,
} as const
