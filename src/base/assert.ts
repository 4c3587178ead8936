/** A failing assertion is a bug of ours: the program stops, and the text says which promise was broken. */
export function assert(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${promise}`)
}

/** For the branch of a `switch` that can not be reached: the compiler proves that no case is missing. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: ${JSON.stringify(value)} is one of the known cases`)
}
