/** A file for /etc/cron.d: the same jobs where there is neither an agent nor systemd. */
import { shellWord } from '../../base/shell-word.ts'
import { cronLinesOf } from '../../schedule/cron-lines.ts'
import type { HostFile, HostJob, HostPlan } from './host-units.ts'

/** Files in /etc/cron.d with dots in their names are not read. */
export function crontab(plan: HostPlan): HostFile {
  const zones = [...new Set(plan.jobs.map(({ timeZone }) => timeZone))]
  return {
    path: `/etc/cron.d/holdfast-${plan.cluster}`,
    text: `${[
      `# Printed by \`holdfast policy cron\` from ${plan.configPath}.`,
      '# What fails is not tried again before its next time, and what is missed is not made up for: the agent does both.',
      'SHELL=/bin/sh',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...zones.flatMap(zone => [
        '',
        `# Times of ${zone}. cronie knows CRON_TZ; Debian's cron does not, and goes by the clock of the host.`,
        `CRON_TZ=${zone}`,
        ...plan.jobs.filter(({ timeZone }) => timeZone === zone).flatMap(job => linesOf(plan, job)),
      ]),
      ...copies(plan),
    ].join('\n')}\n`,
  }
}

function linesOf(plan: HostPlan, job: HostJob): readonly string[] {
  const delay = Math.floor((job.share * job.spreadMs) / 1000)
  // Two of a kind never run at once: the later one is left out.
  const lock = `/run/lock/holdfast-${plan.cluster}-${job.kind}`
  const run = `HOLDFAST_STARTED_BY=cron:${job.name} flock -n ${lock} ${wordsOf(plan, job.command)}`
  return [
    `# ${job.name}: ${job.schedule.text}`,
    ...cronLinesOf(job.schedule).map(
      ({ fields, test }) =>
        `${fields} ${plan.user} ${test}${delay > 0 ? `sleep ${String(delay)}; ` : ''}${run}`,
    ),
  ]
}

function copies(plan: HostPlan): readonly string[] {
  if (!plan.copies) return []
  const run = `flock -n /run/lock/holdfast-${plan.cluster}-copy ${wordsOf(plan, ['copy'])}`
  return ['', '# copies', `*/10 * * * * ${plan.user} ${run}`]
}

function wordsOf({ launcher, configPath, nice }: HostPlan, command: readonly string[]): string {
  const words = [launcher, '--config', configPath, '--quiet', ...command].map(quoted).join(' ')
  return `${nice > 0 ? `nice -n ${String(nice)} ` : ''}${words} >/dev/null`
}

/** For the shell; and percent signs, which cron takes for line ends. */
function quoted(word: string): string {
  return shellWord(word).replaceAll('%', '\\%')
}
