/** After a push, before anybody is told that it is done: writes down who still lacks the file, and how repositories fare. */
import type { Pushed } from './push-to-all.ts'
import type { OwedBook, OwedTarget } from './owed.ts'

export async function settlePush(
  book: OwedBook,
  targets: readonly OwedTarget[],
  { name, durable, lacking }: Pick<Pushed, 'name' | 'durable' | 'lacking'>,
): Promise<void> {
  const find = (wanted: string): OwedTarget | undefined => targets.find(target => target.name === wanted)
  for (const { target: lackingName, fault } of lacking) {
    const target = find(lackingName)
    if (!target) continue
    await book.note(target, name)
    if (fault) await book.failed(target, fault)
  }
  // With one repository nothing can be owed: a push that failed has failed.
  if (targets.length < 2) return
  for (const durableName of durable) {
    const target = find(durableName)
    if (!target) continue
    await book.settled(target, name)
    await book.succeeded(target)
  }
}
