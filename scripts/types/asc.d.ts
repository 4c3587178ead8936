/**
 * What build-kernel.ts uses of AssemblyScript's compiler; tsconfig.json puts it in the place of the package's own types.
 * Those bring AssemblyScript's globals with them: an `Array.at` that is never undefined, for the whole project.
 */
interface CompilerHost {
  readFile(name: string): string | null
  writeFile(name: string, contents: string | Uint8Array): void
  listFiles(): string[]
}

declare const asc: {
  main(args: string[], host: CompilerHost): Promise<{ readonly error: Error | null }>
}
export default asc
