/** From the configuration to the printed policy: the document on standard output, what to do with it on standard error. */
import { Fault } from '../../base/fault.ts'
import { day } from '../../base/units.ts'
import type { Config } from '../../config/config.ts'
import { bucketPlaceOf } from '../../operations/rights/bucket-place.ts'
import { azureCondition, azureRole } from '../../policy/rights/azure.ts'
import type { BucketPlace, PolicyNames, PolicyText } from '../../policy/rights/bucket-place.ts'
import { gcsBindings, gcsRole, type GcsAccess } from '../../policy/rights/gcs.ts'
import { iamPolicy, type S3Policy } from '../../policy/rights/iam.ts'
import { cloudwatchStatement } from '../../policy/rights/metrics.ts'
import { awsSnapshotStatements, gcsSnapshotRole } from '../../policy/rights/snapshots.ts'
import { lifecyclePolicy } from '../../policy/rights/lifecycle.ts'
import { roles, type Role } from '../../policy/rights/roles.ts'
import { s3BucketPolicy } from '../../policy/rights/s3-bucket.ts'
import { jsonOf } from '../json.ts'
import type { CommandContext } from '../context.ts'
import { usageFault } from '../usage.ts'

type Context = Pick<CommandContext, 'config' | 'output'>

interface Given {
  readonly repository: string | undefined
}
interface GivenNames {
  readonly account: string | undefined
  readonly principal?: readonly { readonly role: Role; readonly name: string }[]
}
interface GivenRole {
  readonly role: Role | undefined
}

export async function printIam(context: Context, given: Given & GivenRole & GivenNames): Promise<void> {
  const chosen = await choose(context, given, 'iam', ['s3'])
  const role = roleOf(context, given, chosen)
  const { config } = await context.config()
  print(
    context,
    chosen,
    withMetrics(withSnapshots(iamPolicy(chosen.place, role, namesOf(given)), config, role, given), config),
    role,
  )
}

export async function printBucket(context: Context, given: Given & GivenNames): Promise<void> {
  const chosen = await choose(context, given, 'bucket', ['s3', 'gs'])
  const names = namesOf(given)
  const text =
    chosen.place.kind === 's3' ? s3BucketPolicy(chosen.place, names) : gcsBindings(chosen.place, roles, names)
  print(context, chosen, text)
}

export async function printGcs(
  context: Context,
  given: Given & GivenRole & GivenNames & { readonly part: GcsAccess | 'bindings' | 'snapshots' | undefined },
): Promise<void> {
  const names = namesOf(given)
  const { part = 'bindings', role } = given
  const chosen = await choose(context, given, 'gcs', ['gs'])
  if (part === 'snapshots') {
    const { config } = await context.config()
    const provider = config.snapshots?.provider ?? ''
    print(context, chosen, gcsSnapshotRole(provider, role ?? 'writer', names.account), role)
  } else if (part === 'bindings')
    print(context, chosen, gcsBindings(chosen.place, role ? [role] : roles, names), role)
  else print(context, chosen, gcsRole(part, names))
}

export async function printAzure(
  context: Context,
  given: Given & GivenRole & GivenNames & { readonly part: 'definition' | 'condition' | undefined },
): Promise<void> {
  const chosen = await choose(context, given, 'azure', ['az'])
  const role = roleOf(context, given, chosen)
  if (given.part !== 'condition') {
    print(context, chosen, azureRole(chosen.place, role, namesOf(given)), role)
    return
  }
  const condition = azureCondition(chosen.place, role)
  context.output.result({ repository: chosen.name, role, condition }, () => condition)
}

export async function printLifecycle(
  context: Context,
  given: Given & { readonly uploadsAfter: number | undefined; readonly versionsAfter: number | undefined },
): Promise<void> {
  const chosen = await choose(context, given, 'lifecycle', ['s3', 'gs', 'az'])
  if (chosen.place.kind === 'az' && given.versionsAfter !== undefined) throw noVersionRule()
  const wish = { uploadsAfterMs: given.uploadsAfter ?? 7 * day, noncurrentAfterMs: given.versionsAfter }
  print(context, chosen, lifecyclePolicy(chosen.place, wish))
}

/** Whoever has this file sends them, in whatever role. */
function withMetrics(text: PolicyText, { metrics: { cloudwatch } }: Config): PolicyText {
  if (!cloudwatch) return text
  const { Statement: before, ...head } = text.document as S3Policy
  return {
    ...text,
    document: { ...head, Statement: [...before, cloudwatchStatement(cloudwatch.namespace)] },
  }
}

/** Snapshots of volumes and servers are rights of their own: they are added where the configuration makes some. */
function withSnapshots(
  text: PolicyText,
  { snapshots, cluster }: Config,
  role: Role,
  { account }: GivenNames,
): PolicyText {
  if (!snapshots) return text
  const { provider, instance, copyTo } = snapshots
  const { statements, notes } = awsSnapshotStatements(
    { provider, instance, cluster, account, copies: copyTo !== undefined },
    role,
  )
  const { document, ...rest } = text
  const { Statement: before, ...head } = document as S3Policy
  return {
    ...rest,
    document: { ...head, Statement: [...before, ...statements] },
    notes: [...text.notes, ...notes],
  }
}

interface Chosen {
  readonly name: string
  readonly place: BucketPlace
  /** What the configuration says that the credentials here are for. */
  readonly rights: Role | undefined
}

const kindNames: Readonly<Record<BucketPlace['kind'], string>> = {
  s3: 'S3 (s3://)',
  gs: 'Google (gs://)',
  az: 'Azure (az://)',
}

/** The repository that is named, else the first one that this kind of policy is for. */
async function choose(
  { config }: Context,
  { repository: wanted }: Given,
  policy: string,
  kinds: readonly BucketPlace['kind'][],
): Promise<Chosen> {
  const { config: all, path } = await config()
  const entries = Object.entries(all.repositories)
  const fits = (url: string): boolean => kinds.some(kind => url.startsWith(`${kind}://`))
  const found = entries.find(([name, { url }]) => (wanted === undefined ? fits(url) : name === wanted))
  if (!found)
    throw usageFault(
      wanted === undefined
        ? `no repository in ${path} is one that \`policy ${policy}\` is for`
        : `no repository "${wanted}" in ${path}`,
      `It is for repositories at ${kinds.map(kind => kindNames[kind]).join(', ')}; there are: ${entries.map(([name, { url }]) => `${name} (${url})`).join(', ')}.`,
    )
  const [name, repository] = found
  const place = bucketPlaceOf(all, name, repository)
  if (!kinds.includes(place.kind))
    throw usageFault(
      `\`policy ${policy}\` is for ${kinds.map(kind => kindNames[kind]).join(', ')}, and repository ${name} is ${repository.url}`,
      `For this one: ${{ s3: 'policy iam, policy bucket', gs: 'policy gcs', az: 'policy azure' }[place.kind]}.`,
    )
  const { rights } = repository
  return { name, place, rights: rights === 'all' ? undefined : rights }
}

function roleOf({ output }: Context, { role }: GivenRole, { rights }: Chosen): Role {
  if (role) return role
  const chosen = rights ?? 'writer'
  output.note(`For the role ${chosen}; --role names another: ${roles.join(', ')}.`)
  return chosen
}

function namesOf({ account, principal = [] }: GivenNames): PolicyNames {
  return { account, principals: Object.fromEntries(principal.map(({ role, name }) => [role, name])) }
}

function print({ output }: Context, { name }: Chosen, text: PolicyText, role?: Role): void {
  for (const note of text.notes) output.note(`note: ${note}`)
  for (const command of text.apply) output.note(`apply: … | ${command}`)
  output.result({ repository: name, ...(role ? { role } : {}), ...text }, () => jsonOf(text.document))
}

function noVersionRule(): Fault {
  return new Fault('STORAGE_UNSUPPORTED', 'Azure can not count from when a version was replaced or deleted', {
    hint: 'Use soft delete instead: az storage account blob-service-properties update --enable-delete-retention true --delete-retention-days 90.',
  })
}
