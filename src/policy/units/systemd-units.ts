/** Units for systemd: the agent's, or a service and a timer for each job. They may do what they need, and no more. */
import { day } from '../../base/units.ts'
import { onCalendarOf } from '../../schedule/on-calendar.ts'
import type { HostFile, HostJob, HostPlan } from './host-units.ts'

const folder = '/etc/systemd/system'

export function agentUnit(plan: HostPlan): HostFile {
  return unit(plan, `holdfast-${plan.cluster}.service`, [
    ...head(`the agent of ${plan.cluster}`),
    '# It is started again for as long as it takes.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=notify',
    '# It speaks through systemd-notify, a process of its own.',
    'NotifyAccess=all',
    `ExecStart=${line(plan, ['agent'])}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    'Restart=on-failure',
    'RestartSec=5s',
    '# A second try with the same mistakes helps nobody.',
    'RestartPreventExitStatus=2 92',
    'WatchdogSec=3min',
    '# The agent ends what it started; what is left when it is gone, systemd ends.',
    'KillMode=mixed',
    `TimeoutStopSec=${seconds(Math.max(plan.stopLimitMs, 60_000) + 30_000)}`,
    ...hardened(plan),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ])
}

/** For those who want no agent. Copies need a service that goes on. */
export function timerUnits(plan: HostPlan): readonly HostFile[] {
  return [...plan.jobs.flatMap(job => [jobService(plan, job), jobTimer(plan, job)]), ...copiesUnit(plan)]
}

function jobService(plan: HostPlan, job: HostJob): HostFile {
  return unit(plan, `${unitName(plan, job)}.service`, [
    ...head(`${job.command.join(' ')} of ${plan.cluster}`),
    '# So often it is tried. The next run of the schedule, which systemd counts too, begins anew.',
    `StartLimitIntervalSec=${seconds(attemptsWithinMs(job))}`,
    `StartLimitBurst=${String(job.attempts)}`,
    '',
    '[Service]',
    'Type=oneshot',
    `Environment=HOLDFAST_STARTED_BY=timer:${job.name}`,
    `ExecStart=${line(plan, job.command)}`,
    `TimeoutStartSec=${seconds(job.timeLimitMs)}`,
    'TimeoutStopSec=90s',
    'Restart=on-failure',
    `RestartSec=${seconds(job.pauseMs)}`,
    '# Wrong words, damage that was found, a copy that is behind: trying again finds the same. A hook that failed afterwards: it is done.',
    'RestartPreventExitStatus=2 25 37 61 114',
    ...manners(plan),
    ...hardened(plan),
  ])
}

/** Ends before the next run can begin, so that what is run often is not taken for what is tried again. */
const attemptsWithinMs = ({ gapMs }: HostJob): number => Math.min(day, 0.75 * gapMs)

function jobTimer(plan: HostPlan, job: HostJob): HostFile {
  return unit(plan, `${unitName(plan, job)}.timer`, [
    '[Unit]',
    `Description=Holdfast: ${job.schedule.text}: ${job.name} of ${plan.cluster}`,
    '',
    '[Timer]',
    ...(job.hasWindow ? ['# Its window is kept by the agent only: timers know none.'] : []),
    ...onCalendarOf(job.schedule, job.timeZone).map(calendar => `OnCalendar=${calendar}`),
    `Persistent=${job.catchUp ? 'true' : 'false'}`,
    'AccuracySec=1s',
    ...(job.spreadMs > 0 ? [`RandomizedDelaySec=${seconds(job.spreadMs)}`, 'FixedRandomDelay=true'] : []),
    '',
    '[Install]',
    'WantedBy=timers.target',
  ])
}

function copiesUnit(plan: HostPlan): readonly HostFile[] {
  if (!plan.copies) return []
  return [
    unit(plan, `holdfast-${plan.cluster}-copies.service`, [
      ...head(`copies of ${plan.cluster}, kept up to date`),
      'StartLimitIntervalSec=0',
      '',
      '[Service]',
      `ExecStart=${line(plan, ['copy', '--watch', '--quiet'])}`,
      'Restart=always',
      'RestartSec=30s',
      'TimeoutStopSec=90s',
      ...manners(plan),
      ...hardened(plan),
      '',
      '[Install]',
      'WantedBy=multi-user.target',
    ]),
  ]
}

function unit(plan: HostPlan, name: string, lines: readonly string[]): HostFile {
  const origin = `# ${name}: printed by \`holdfast policy systemd\` from ${plan.configPath}.`
  return { path: `${folder}/${name}`, text: `${[origin, ...lines].join('\n')}\n` }
}

const unitName = ({ cluster }: HostPlan, { name }: HostJob): string => `holdfast-${cluster}-${name}`

function head(what: string): readonly string[] {
  return [
    '[Unit]',
    `Description=Holdfast: ${what.replaceAll('%', '%%')}`,
    'Wants=network-online.target',
    'After=network-online.target postgresql.service',
  ]
}

function line({ launcher, configPath }: HostPlan, command: readonly string[]): string {
  return [launcher, '--config', configPath, ...command].map(quoted).join(' ')
}

/** As systemd reads command lines: percent and dollar are its own. */
function quoted(word: string): string {
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')
  return /^[\w@%+=:,./-]+$/.test(word) ? escaped : `"${escaped}"`
}

function manners({ nice, io }: HostPlan): readonly string[] {
  const ioLines = {
    normal: [],
    low: ['IOSchedulingClass=best-effort', 'IOSchedulingPriority=7'],
    idle: ['IOSchedulingClass=idle'],
  }[io]
  return [`Nice=${String(nice)}`, ...ioLines]
}

/** Without these root is nobody among files of others, and could start no server as its user. */
const rootCapabilities = 'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_NICE'

function hardened(plan: HostPlan): readonly string[] {
  const { cluster, user, takesSnapshots } = plan
  return [
    `User=${user}`,
    '# Variables that the configuration asks for, NAME=value, a line each.',
    `EnvironmentFile=-/etc/default/holdfast-${cluster}`,
    'UMask=0077',
    `StateDirectory=holdfast/${cluster}`,
    'StateDirectoryMode=0700',
    'RuntimeDirectory=holdfast',
    'RuntimeDirectoryPreserve=yes',
    'ProtectHome=read-only',
    'ProtectControlGroups=yes',
    '# A private /tmp would hide the socket of a server that has it there.',
    'ReadWritePaths=/tmp /var/tmp',
    ...plan.writes.map(path => `ReadWritePaths=-${quoted(path)}`),
    ...(takesSnapshots ? open : closed(user)),
  ]
}

/** Most of what is closed else takes away from sudo what it gives. */
const open: readonly string[] = [
  '# Snapshots of volumes need devices, the folders of their programs, and sudo perhaps.',
  'ProtectSystem=yes',
]

function closed(user: string): readonly string[] {
  return [
    'ProtectSystem=strict',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelLogs=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'SystemCallArchitectures=native',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    'NoNewPrivileges=yes',
    'PrivateDevices=yes',
    `CapabilityBoundingSet=${user === 'root' ? rootCapabilities : ''}`,
  ]
}

const seconds = (ms: number): string => `${String(Math.max(1, Math.round(ms / 1000)))}s`
