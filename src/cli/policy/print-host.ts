/** `policy systemd` and `policy cron`: from the configuration to files of the host. */
import { access, mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config, LoadedConfig } from '../../config/config.ts'
import { crontab } from '../../policy/units/crontab.ts'
import type { HostFile, HostPlan } from '../../policy/units/host-units.ts'
import { agentUnit, timerUnits } from '../../policy/units/systemd-units.ts'
import { isManaged } from '../../snapshots/managed/server.ts'
import { leastGapMs } from '../../schedule/schedule.ts'
import type { CommandContext } from '../context.ts'
import { spreadOf } from '../../policy/jobs/plan-jobs.ts'
import { checkedSetup } from '../run-agent.ts'
import { usageFault } from '../usage.ts'

interface Given {
  readonly user: string | undefined
  readonly write: string | undefined
}

export async function printSystemd(
  context: CommandContext,
  given: Given & { readonly timers: boolean },
): Promise<void> {
  const plan = planOf(await context.config(), context, given)
  const files = given.timers ? timerUnits(withJobs(plan)) : [agentUnit(plan)]
  await give(context, files, given.write)
  await noteMissing(plan, context)
  const units = given.timers
    ? files.filter(({ text }) => text.includes('[Install]')).map(({ path }) => basename(path))
    : files.map(({ path }) => basename(path))
  context.output.note(
    `put each file where it says and: systemctl daemon-reload && systemctl enable --now ${units.join(' ')}`,
  )
}

/** What is not there when the unit starts stays read-only for it. */
async function noteMissing({ writes, user }: HostPlan, { output }: CommandContext): Promise<void> {
  const isMissing = await Promise.all(
    writes.map(path =>
      access(path).then(
        () => false,
        () => true,
      ),
    ),
  )
  const missing = writes.filter((_, n) => isMissing[n])
  if (missing.length === 0) return
  output.note(
    `make ${missing.length === 1 ? 'this folder' : 'these folders'} for ${user} before the unit is started, which may write only to what is there then: ${missing.join(', ')}`,
  )
}

export async function printCron(context: CommandContext, given: Given): Promise<void> {
  const file = crontab(withJobs(planOf(await context.config(), context, given)))
  await give(context, [file], given.write)
  context.output.note(`it belongs to ${file.path}, owned by root`)
}

function withJobs(plan: HostPlan): HostPlan {
  if (plan.jobs.length > 0 || plan.copies) return plan
  throw usageFault(
    'the configuration has no jobs',
    'State them under `jobs`, for example `backup: daily at 02:00`.',
  )
}

function planOf(loaded: LoadedConfig, { program, world }: CommandContext, { user }: Given): HostPlan {
  const { config, path } = loaded
  const setup = checkedSetup(loaded)
  return {
    cluster: config.cluster,
    launcher: program.launcher,
    configPath: path,
    user: user ?? 'postgres',
    copies: setup.copies,
    writes: writtenBy(config),
    takesSnapshots: config.snapshots !== undefined && !isManaged(config.snapshots.provider),
    stopLimitMs: setup.stopLimitMs,
    nice: setup.nice,
    io: setup.io,
    jobs: setup.jobs.map(({ job, command, timeLimitMs, timeZone }) => ({
      name: job.name,
      kind: job.kind,
      command,
      schedule: job.schedule,
      timeZone,
      spreadMs: spreadOf(job, world.clock.now()),
      gapMs: leastGapMs(job.schedule, job.zone, world.clock.now()),
      share: job.share,
      catchUp: job.catchUp,
      timeLimitMs,
      attempts: job.attemptsMax,
      pauseMs: job.pauseMsFirst,
      hasWindow: job.window !== undefined,
    })),
  }
}

function writtenBy({ repositories, agent, audit, drills, postgres, snapshots }: Config): readonly string[] {
  const folders = Object.values(repositories).flatMap(({ url }) =>
    url.startsWith('file:') ? [fileURLToPath(url)] : [],
  )
  const own = [agent.state, agent.socket && dirname(agent.socket), audit.directory]
  const drilled = [drills.scratch, drills.signingKey && dirname(drills.signingKey)]
  const wal = postgres.dataDirectory && join(postgres.dataDirectory, 'pg_wal')
  const all = [...folders, ...own, ...drilled, wal, ...(snapshots?.directories ?? [])]
  return [...new Set(all.filter(path => path !== undefined))]
}

async function give(
  { output }: CommandContext,
  files: readonly HostFile[],
  folder: string | undefined,
): Promise<void> {
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true })
    for (const { path, text } of files) await writeFile(join(folder, basename(path)), text)
  }
  output.result(files, () => {
    if (folder !== undefined) return files.map(({ path }) => join(folder, basename(path))).join('\n')
    const [only] = files
    if (only && files.length === 1) return only.text
    return files.map(({ path, text }) => `#### ${path}\n${text}`).join('\n')
  })
}
