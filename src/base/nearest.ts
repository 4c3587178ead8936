/** The word that was probably meant: for unknown keys, options and commands. */

/** The one of `words` that is few typing errors away from `given`, or begins with it; undefined when none is near. */
export function nearest(given: string, words: readonly string[]): string | undefined {
  const longer = words.filter(word => given.length >= 3 && word.startsWith(given))
  if (longer.length === 1) return longer[0]
  return allNear(given, words)[0]
}

/** Those that are few typing errors away, the nearest first. */
export function allNear(given: string, words: readonly string[]): readonly string[] {
  return words
    .map(word => ({ word, distance: editDistance(given.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, distance }) => distance <= errorsMax(given, word))
    .toSorted((a, b) => a.distance - b.distance)
    .map(({ word }) => word)
}

const errorsMax = (given: string, word: string): number =>
  Math.max(1, Math.floor(Math.max(given.length, word.length) / 3))

/** Levenshtein's distance, with the swap of two neighbours counted as one error. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = []
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : Infinity
      row.push(Math.min(replaced, swapped, at(last, j) + 1, at(row, j - 1) + 1))
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

const at = (row: readonly number[], index: number): number => row[index] ?? Infinity
