/** The folder in which test servers, and the programs beside them, have their own temporary folders. */
import { tmpdir } from 'node:os'

/** Names it; run-setup.ts chooses one in memory, if it can, when nobody has. */
export const serverFolder = 'HOLDFAST_TEST_FOLDER'

export const folderOfServers = (): string => process.env[serverFolder] ?? tmpdir()
