/** The generated pages are what the sources say now. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { referencePages } from '../../scripts/reference.ts'
import { root } from './sources.ts'

test.each([...referencePages()])(
  '%s is up to date (else run scripts/node scripts/reference.ts)',
  (path, text) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(text)
  },
)
