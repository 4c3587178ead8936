/**
 * Google: custom roles, and the bucket's bindings of them to service accounts, each with a condition on the object's
 * name. A condition can not ask which permission is used, so each kind of access is a role of its own.
 *
 * Google counts replacing an object as deleting it: who may only create can not overwrite. Decides only.
 */
import {
  headAndTail,
  patternsOf,
  type BucketPlace,
  type PolicyNames,
  type PolicyText,
} from './bucket-place.ts'
import { rightsOf, roles, type Place, type Role } from './roles.ts'

/** The custom roles, and the permissions in each. */
export const gcsAccess = {
  list: ['storage.buckets.get', 'storage.objects.list', 'storage.multipartUploads.list'],
  read: ['storage.objects.get'],
  write: [
    'storage.objects.create',
    'storage.multipartUploads.create',
    'storage.multipartUploads.listParts',
    'storage.multipartUploads.abort',
  ],
  delete: ['storage.objects.delete'],
  lock: ['storage.objects.setRetention', 'storage.objects.update'],
} as const
export type GcsAccess = keyof typeof gcsAccess

interface Binding {
  readonly role: string
  readonly members: readonly string[]
  readonly condition?: { readonly title: string; readonly description: string; readonly expression: string }
}

export function gcsRole(access: GcsAccess, { account }: PolicyNames): PolicyText {
  return {
    document: {
      title: `Holdfast: ${access}`,
      description: `What Holdfast needs to ${access} in a repository; given with a condition on names.`,
      stage: 'GA',
      includedPermissions: gcsAccess[access],
    },
    apply: [`gcloud iam roles create ${roleId(access)} --project=${projectOf(account)} --file=/dev/stdin`],
    notes: ['Once for each project; `gcloud iam roles update` takes the same when it is there already.'],
  }
}

export function gcsBindings(place: BucketPlace, chosen: readonly Role[], names: PolicyNames): PolicyText {
  const bindings = chosen.flatMap(role => bindingsOf(place, role, names))
  return {
    document: { version: 3, bindings },
    apply: [`gcloud storage buckets set-iam-policy gs://${place.bucket} /dev/stdin`],
    notes: [
      `Make the custom roles first, once for each project: for part in ${Object.keys(gcsAccess).join(' ')}; do holdfast policy gcs --part $part | gcloud iam roles create holdfast_$part --project=${projectOf(names.account)} --file=/dev/stdin; done`,
      'This replaces all bindings of the bucket: look at them first (gcloud storage buckets get-iam-policy), and join the two. Conditions need uniform bucket-level access.',
      'Who may create and not delete can not overwrite either: Google counts replacing as deleting.',
      'Listing shows all names in the bucket: give backups a bucket of their own.',
      ...placeholderNotes(chosen, names),
    ],
  }
}

function bindingsOf(place: BucketPlace, role: Role, names: PolicyNames): readonly Binding[] {
  const rights = rightsOf[role]
  const members = [memberOf(role, names)]
  const bound = (access: GcsAccess, kinds: readonly Place[]): readonly Binding[] =>
    inBatches(patternsOf(place, kinds)).map(patterns => ({
      role: `projects/${projectOf(names.account)}/roles/${roleId(access)}`,
      members,
      condition: {
        title: `holdfast ${role}: ${access}`,
        description: `${place.clusterRoot}: ${kinds.join(', ')}`,
        expression: expressionOf(place, patterns),
      },
    }))
  return [
    { role: `projects/${projectOf(names.account)}/roles/${roleId('list')}`, members },
    ...bound('read', rights.read),
    ...bound('write', rights.write),
    ...bound('delete', rights.delete),
    ...(rights.locks && place.lock !== undefined ? bound('lock', ['identity', 'everything']) : []),
  ]
}

/** A condition takes a dozen operators; a name takes at most one for itself, and one joins it to the next. */
const patternsAtOnce = 6

function inBatches(patterns: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(patterns.length / patternsAtOnce)
  return Array.from({ length: count }, (_, i) => patterns.slice(i * patternsAtOnce, (i + 1) * patternsAtOnce))
}

function expressionOf(place: BucketPlace, patterns: readonly string[]): string {
  const objects = `projects/_/buckets/${place.bucket}/objects/`
  return patterns
    .map(pattern => {
      const { head, tail, exact } = headAndTail(pattern)
      if (exact) return `resource.name == "${objects}${head}"`
      const begins = `resource.name.startsWith("${objects}${head}")`
      return tail === '' ? begins : `(${begins} && resource.name.endsWith("${tail}"))`
    })
    .join(' || ')
}

const roleId = (access: GcsAccess): string => `holdfast_${access}`
const projectOf = (account: string | undefined): string => account ?? 'PROJECT'

function memberOf(role: Role, { principals, account }: PolicyNames): string {
  const given = principals[role] ?? `holdfast-${role}@${projectOf(account)}.iam.gserviceaccount.com`
  return given.includes(':') ? given : `serviceAccount:${given}`
}

function placeholderNotes(chosen: readonly Role[], { principals, account }: PolicyNames): readonly string[] {
  const unnamed = roles.filter(role => chosen.includes(role) && principals[role] === undefined)
  if (unnamed.length === 0 && account !== undefined) return []
  return [
    'Say which project and who acts in which role: --account PROJECT --principal writer=NAME@PROJECT.iam.gserviceaccount.com.',
  ]
}
