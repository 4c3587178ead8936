/** What the agent remembers of alerts between its lives: those that are open, and what each sink is still to be told. */
import * as z from 'zod/mini'
import type { Log } from '../../base/log.ts'
import type { Alert } from '../../policy/alerts/alert.ts'
import { emptyDesk, type AlertDesk } from '../../policy/alerts/desk.ts'
import { noticeKinds, type Notice } from '../../policy/alerts/notice.ts'
import type { Outbox } from '../../policy/alerts/outbox.ts'
import { readReplaced, replaceFile } from '../replace-file.ts'

const time = z.number().check(z.nonnegative())
const count = z.int().check(z.nonnegative())
const level = z.literal([0, 1, 2])
const mark = z.object({ seen: z.boolean(), sinceMs: time })
const finding = z.object({
  code: z.string(),
  state: z.enum(['warning', 'critical']),
  repository: z.nullable(z.string()),
  subject: z.nullable(z.string()),
  message: z.string(),
  fix: z.string(),
  runbook: z.nullable(z.string()),
})
const alert = z.object({
  id: z.string(),
  finding,
  sinceMs: time,
  warning: mark,
  critical: mark,
  level,
  comings: z.array(time),
  told: z.record(z.string(), z.object({ level, atMs: time, repeats: count, notices: count })),
  ack: z.optional(z.object({ untilMs: time, reason: z.optional(z.string()) })),
})
const notice = z.object({
  id: z.string(),
  alertId: z.string(),
  kind: z.enum(noticeKinds),
  cluster: z.string(),
  finding,
  sinceMs: time,
  atMs: time,
  cameTimes: z.optional(count),
})
const outbox = z.object({
  notices: z.array(notice),
  failing: z.optional(z.object({ sinceMs: time, attempts: count, nextMs: time, message: z.string() })),
  deliveredMs: z.optional(time),
})
const deskFile = z.object({
  format: z.literal(1),
  alerts: z.record(z.string(), alert),
  outboxes: z.record(z.string(), outbox),
})

const fileName = 'alerts.json'

export function deskText({ alerts, outboxes }: AlertDesk): string {
  const file = { format: 1, alerts: Object.fromEntries(alerts), outboxes: Object.fromEntries(outboxes) }
  return `${JSON.stringify(file)}\n`
}

export async function readDesk(folder: string, log: Log): Promise<AlertDesk> {
  const read = await readReplaced(folder, fileName, json => deskFile.parse(json), log)
  if (!read) return emptyDesk
  return {
    alerts: new Map(Object.entries(read.alerts).map(([key, one]) => [key, wholeAlert(one)])),
    outboxes: new Map(Object.entries(read.outboxes).map(([sink, one]) => [sink, wholeOutbox(one)])),
  }
}

export async function writeDesk(folder: string, text: string): Promise<void> {
  await replaceFile(folder, fileName, text)
}

/** What is absent in JSON is undefined here. */
function wholeAlert({ ack, ...rest }: z.infer<typeof alert>): Alert {
  return { ...rest, ack: ack && { untilMs: ack.untilMs, reason: ack.reason } }
}

function wholeOutbox({ notices, failing, deliveredMs }: z.infer<typeof outbox>): Outbox {
  const whole = ({ cameTimes, ...rest }: z.infer<typeof notice>): Notice => ({ ...rest, cameTimes })
  return { notices: notices.map(whole), failing, deliveredMs }
}
