import { expect, test } from 'vitest'
import { snapshotProviders } from '../config/snapshots.ts'
import { providerNames } from './provider.ts'

test('the configuration knows every provider of volumes', () => {
  expect(providerNames.filter(name => !(snapshotProviders as readonly string[]).includes(name))).toEqual([])
})
