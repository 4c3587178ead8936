/** Makes the dump exist, in each repository by itself. The first one that has it makes it a success. */
import { commitDump } from '../../repository/dump-catalog.ts'
import type { DumpRecord } from '../../repository/format/dump-record.ts'
import type { BackupMembers, MemberBehind } from '../backup/members.ts'

/** Throws what the last one failed of when no repository has the dump. */
export async function commitDumpEverywhere(
  members: BackupMembers,
  record: DumpRecord,
): Promise<{ readonly whole: readonly string[]; readonly behind: readonly MemberBehind[] }> {
  await members.each(({ repository }) => commitDump(repository, record, members.held))
  return { whole: members.whole().map(({ name }) => name), behind: members.dropped() }
}
