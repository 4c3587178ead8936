import { globSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

const tests = globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'], {
  exclude: ['**/node_modules/**'],
})

/** Tests that run PostgreSQL or the built program get both from test/support; all others need nothing but Node. */
const real = tests.filter(
  path => /['/]support\//.test(readFileSync(path, 'utf8')) || path.startsWith('test/support/'),
)
const unit = tests.filter(path => !real.includes(path))

export default defineConfig({
  test: {
    pool: 'forks',
    // Twice as many as the smallest machine has processors: much of the time is waited for servers and limits of time.
    maxWorkers: 4,
    retry: 0,
    setupFiles: ['test/support/property-seed.ts'],
    projects: [
      // Seconds on a quiet machine; the limits are for what hangs, on a busy one, where properties took five times as long.
      { extends: true, test: { name: 'unit', include: unit, testTimeout: 150_000 } },
      {
        extends: true,
        test: {
          name: 'real',
          include: real,
          globalSetup: ['test/support/run-setup.ts'],
          testTimeout: 180_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
})
