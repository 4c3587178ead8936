/** What the doctor says of the rights of the present credentials. Decides only. */
import {
  abilityNames,
  judgeAbilities,
  type Abilities,
  type Ability,
} from '../../../policy/rights/judge-abilities.ts'
import type { Role } from '../../../policy/rights/roles.ts'
import { advice, ok, problem, type Finding } from '../finding.ts'

export interface RightsToJudge {
  /** Of the repository. */
  readonly name: string
  /** How `holdfast policy` is called for this kind of storage. */
  readonly policy: 'iam' | 'gcs' | 'azure'
  readonly rights: Role | 'all' | undefined
  readonly abilities: Abilities
  readonly versioned: boolean | undefined
}

export function judgeRights(given: RightsToJudge): readonly Finding[] {
  const { name, rights, abilities } = given
  const can = list(abilities, true)
  const told = `the credentials for ${name} can ${can === '' ? 'do nothing of what was tried' : can}${
    list(abilities, false) === '' ? '' : `; not ${list(abilities, false)}`
  }`
  if (rights === undefined)
    return [
      ok('rights', `${told} (say what they are meant for under \`rights\`, and it is compared)`),
      ...tooMuchForAnybody(given),
    ]
  if (rights === 'all') return [ok('rights', told), ...tooMuchForAnybody(given)]
  return judgeRole(given, rights)
}

function judgeRole(given: RightsToJudge, role: Role): readonly Finding[] {
  const { name, abilities, policy } = given
  const { beyond, missing } = judgeAbilities(abilities, role)
  const found: Finding[] = []
  if (missing.length > 0)
    found.push(
      problem(
        'rights',
        `the credentials for ${name} are meant for a ${role}, and can not ${words(missing)}`,
        `Give them what \`holdfast policy ${policy} --role ${role}\` prints.`,
      ),
    )
  const overwrites = beyond.includes('overwrite')
  const rest = beyond.filter(ability => ability !== 'overwrite')
  if (rest.length > 0)
    found.push(
      problem(
        'rights',
        `the credentials for ${name} are meant for a ${role}, and can also ${words(rest)}`,
        `Take that away: \`holdfast policy ${policy} --role ${role}\` prints what they need, and no more.`,
      ),
    )
  if (overwrites) found.push(overwriting(given, role))
  if (found.length === 0)
    found.push(ok('rights', `the credentials for ${name} can do what a ${role} needs, and nothing beyond it`))
  return found
}

/** Not every server can refuse it by a policy; then versions have to keep what was written over. */
function overwriting({ name, policy, versioned }: RightsToJudge, role: Role): Finding {
  const what = `the credentials for ${name} can overwrite what is there, if somebody else uses them: Holdfast does not`
  if (versioned === true)
    return advice(
      'rights',
      `${what}; the older version stays`,
      `Where the server knows the condition s3:if-none-match (Amazon does), \`holdfast policy ${policy} --role ${role}\` denies it.`,
    )
  return problem(
    'rights',
    `${what}; and no older version stays`,
    `Apply \`holdfast policy ${policy} --role ${role}\`, which denies it where the server knows how (Amazon does); else turn on versions.`,
  )
}

/** Whoever can delete everything, older versions too, can end all backups with one stolen key. */
function tooMuchForAnybody({ name, abilities, versioned }: RightsToJudge): readonly Finding[] {
  const { write, deleteBackups, deleteVersions } = abilities
  if (write !== true || deleteBackups !== true) return []
  const finally_ = versioned !== true || deleteVersions === true
  if (!finally_) return []
  return [
    advice(
      'rights',
      `whoever steals the credentials for ${name} from this host can delete every backup, for good`,
      'Give the database host the rights of a writer only (`holdfast policy`), and let another host expire; see docs/rights.md.',
    ),
  ]
}

const words = (abilities: readonly Ability[]): string =>
  abilities.map(ability => abilityNames[ability]).join(', ')

function list(abilities: Abilities, wanted: boolean): string {
  return words((Object.keys(abilityNames) as Ability[]).filter(name => abilities[name] === wanted))
}
