/**
 * Azure: a custom role with data actions, and the condition (ABAC) of its assignment, which limits them to names.
 * Decides only.
 */
import { patternsOf, type BucketPlace, type PolicyNames, type PolicyText } from './bucket-place.ts'
import { rightsOf, type Place, type Role } from './roles.ts'

const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'

export function azureRole(place: BucketPlace, role: Role, names: PolicyNames): PolicyText {
  const rights = rightsOf[role]
  const dataActions = [`${blobs}/read`]
  if (rights.write.length > 0) dataActions.push(`${blobs}/add/action`, `${blobs}/write`)
  if (rights.write.length > 0 && place.tags) dataActions.push(`${blobs}/tags/write`)
  if (rights.delete.length > 0) dataActions.push(`${blobs}/delete`)
  const document = {
    Name: roleName(role),
    IsCustom: true,
    Description: rights.doc,
    Actions: [
      'Microsoft.Storage/storageAccounts/blobServices/read',
      'Microsoft.Storage/storageAccounts/blobServices/containers/read',
    ],
    NotActions: [],
    DataActions: dataActions,
    NotDataActions: [],
    AssignableScopes: [accountOf(names)],
  }
  return {
    document,
    apply: ['az role definition create --role-definition @-'],
    notes: notesOf(place, role, names),
  }
}

/** What the assignment of the role is limited by: the text of `--condition`. */
export function azureCondition(place: BucketPlace, role: Role): string {
  const { read, write, delete: remove } = rightsOf[role]
  const reading = `${matches('read')} AND NOT SubOperationMatches{'Blob.List'}`
  const listing = `${matches('read')} AND SubOperationMatches{'Blob.List'}`
  const prefix = `@Request[${blobs}:prefix] StringStartsWith '${place.clusterRoot}'`
  return [
    limited(listing, prefix),
    limited(reading, namesOf(place, read)),
    ...(write.length === 0
      ? []
      : [limited(`${matches('write')} OR ${matches('add/action')}`, namesOf(place, write))]),
    ...(remove.length === 0 ? [] : [limited(matches('delete'), namesOf(place, remove))]),
  ].join(' AND ')
}

const matches = (action: string): string => `ActionMatches{'${blobs}/${action}'}`

const limited = (action: string, names: string): string => `((!(${action})) OR (${names}))`

function namesOf(place: BucketPlace, kinds: readonly Place[]): string {
  return patternsOf(place, kinds)
    .map(
      pattern =>
        `@Resource[${blobs}:path] ${pattern.includes('*') ? 'StringLike' : 'StringEquals'} '${pattern}'`,
    )
    .join(' OR ')
}

const roleName = (role: Role): string => `Holdfast ${role}`

function accountOf({ account }: PolicyNames): string {
  return (
    account ??
    '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/ACCOUNT'
  )
}

function notesOf(place: BucketPlace, role: Role, names: PolicyNames): readonly string[] {
  const scope = `${accountOf(names)}/blobServices/default/containers/${place.bucket}`
  const assignee = names.principals[role] ?? 'OBJECT-ID'
  const notes = [
    `Then give it, limited to the repository: az role assignment create --assignee-object-id ${assignee} --role '${roleName(role)}' --scope ${scope} --condition-version 2.0 --condition "$(holdfast policy azure --role ${role} --part condition)"`,
  ]
  if (names.account === undefined || names.principals[role] === undefined)
    notes.push(
      `Say which storage account and who: --account RESOURCE-ID --principal ${role}=OBJECT-ID fills the names in capital letters.`,
    )
  if (rightsOf[role].write.length > 0)
    notes.push(
      'Azure has no right to write parts without the right to overwrite: turn on versions or immutability, so that what is written over stays.',
    )
  if (place.lock !== undefined)
    notes.push(
      'Locks (immutability policies) are set by the storage account: version-level immutability has to be on for the container.',
    )
  return notes
}
