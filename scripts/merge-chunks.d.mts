import type { Metafile } from 'esbuild'

export function mergeChunks(
  files: Map<string, string>,
  metafile: Pick<Metafile, 'outputs'>,
  groups: Readonly<Record<string, readonly string[]>>,
  apart: readonly string[],
): Promise<void>
