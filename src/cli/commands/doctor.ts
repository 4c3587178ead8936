/** `holdfast doctor` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand, value } from '../command.ts'
import { asText } from '../usage.ts'

export const doctor = defineCommand({
  words: ['doctor'],
  summary: 'Look at everything, and say what to change.',
  description:
    'Looks at the server, settings, rights, storage, keys, clocks, tools, space, and the audit trail of this host. Exits with 60 when something has to be changed.',
  arguments: {},
  options: {
    repository: value(
      'NAME',
      asText,
      'Only this repository, by its name in the configuration (else all of them).',
    ),
  },
  examples: [
    {
      command: 'holdfast doctor',
      doc: 'One line for each thing that was looked at; what to change stands under it.',
    },
  ],
  async run(context, given) {
    const { output } = context
    const [{ examine }, { doctorDeps, repositoriesToCheck }, { findingsText }] = await Promise.all([
      import('../../operations/doctor/doctor.ts'),
      import('../doctor-setup.ts'),
      import('../describe-findings.ts'),
    ])
    const names = await repositoriesToCheck(context, given.repository)
    const findings = await examine(await doctorDeps(context), names, context.signal)
    const isHealthy = findings.every(({ state }) => state !== 'problem')
    output.result({ isHealthy, findings }, () => findingsText(findings))
    return isHealthy ? undefined : faultCatalogue.DOCTOR_FINDINGS.exit
  },
})
