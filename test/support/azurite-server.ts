/** Throw-away Azure Blob storage: Microsoft's azurite, which keeps everything in memory here. */
import { BlobServiceClient } from '@azure/storage-blob'
import { startNodeServer } from './node-server.ts'

export interface AzuriteServer {
  /** With the account in the path, as azurite has it. */
  readonly endpoint: string
  readonly account: string
  readonly accountKey: string
  readonly connectionString: string
  /** A new, empty container. */
  makeContainer(): Promise<string>
  stop(): Promise<void>
}

/** azurite's well-known account; its key is in the documentation of every Azure SDK. */
const account = 'devstoreaccount1'
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

export interface AzuriteOptions {
  /** Speaks https with this certificate, and then takes tokens, too. */
  readonly tls?: { readonly certPath: string; readonly keyPath: string }
}

export async function startAzurite({ tls }: AzuriteOptions = {}): Promise<AzuriteServer> {
  const secure = tls ? ['--oauth', 'basic', '--cert', tls.certPath, '--key', tls.keyPath] : []
  const server = await startNodeServer(
    'azurite',
    port => `
      process.argv.push('azurite', '--blobHost', '127.0.0.1', '--blobPort', '${String(port)}',
        '--inMemoryPersistence', '--skipApiVersionCheck', '--disableTelemetry', ...${JSON.stringify(secure)})
      require('azurite/dist/src/blob/main.js')`,
  )
  const protocol = tls ? 'https' : 'http'
  const endpoint = `${protocol}://127.0.0.1:${String(server.port)}/${account}`
  const connectionString = `DefaultEndpointsProtocol=${protocol};AccountName=${account};AccountKey=${accountKey};BlobEndpoint=${endpoint};`
  const client = BlobServiceClient.fromConnectionString(connectionString)
  let count = 0
  return {
    endpoint,
    account,
    accountKey,
    connectionString,
    async makeContainer() {
      const name = `holdfast-${String(++count)}`
      await client.createContainer(name)
      return name
    },
    stop: () => server.stop(),
  }
}
