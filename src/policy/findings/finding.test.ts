import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { findingCatalogue } from './finding.ts'

const project = new URL('../../../', import.meta.url)

test.each(Object.entries(findingCatalogue))('%s has a page that says what to do', (code, { runbook }) => {
  expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
  expect(existsSync(new URL(`docs/runbooks/${runbook}.md`, project))).toBe(true)
})
