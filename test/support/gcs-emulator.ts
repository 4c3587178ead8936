/**
 * Throw-away Google Cloud Storage: the emulator that Google's firebase-tools bring, without the rules engine, which is a
 * Java program that can not be had here.
 *
 * It ignores generation conditions and knows uploads in one chunk only. What depends on either is tested against
 * gcs-emulator-strict.ts.
 */
import { startNodeServer, type NodeServer } from './node-server.ts'

export interface GcsEmulator {
  readonly endpoint: string
  stop(): Promise<void>
}

export async function startGcsEmulator(): Promise<GcsEmulator> {
  const server: NodeServer = await startNodeServer(
    'firebase-tools',
    port => `
      process.env.FIREBASE_TOOLS_UPGRADE_CHECK = '0'
      const { EmulatorRegistry } = require('firebase-tools/lib/emulator/registry')
      const { StorageEmulator } = require('firebase-tools/lib/emulator/storage')
      const { createApp } = require('firebase-tools/lib/emulator/storage/server')
      EmulatorRegistry.url = () => new URL('http://127.0.0.1:${String(port)}')
      const emulator = new StorageEmulator({
        projectId: 'holdfast-test', host: '127.0.0.1', port: ${String(port)},
        rules: { name: 'none', content: '' }, auto_download: false,
      })
      emulator.getInfo = () => ({ name: 'storage', host: '127.0.0.1', port: ${String(port)} })
      createApp('holdfast-test', emulator).then(app =>
        app.listen(${String(port)}, '127.0.0.1', () => console.log('listening')))`,
  )
  return { endpoint: `http://127.0.0.1:${String(server.port)}`, stop: () => server.stop() }
}
