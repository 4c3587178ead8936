/** Reads what is added to a server's log, line by line. */
import { open, type FileHandle } from 'node:fs/promises'
import { emptyRecoveryLog, readLogLine, type RecoveryLog } from './recovery-log.ts'

export class LogTail {
  readonly recovery: RecoveryLog = emptyRecoveryLog()
  readonly #file: FileHandle
  readonly #buffer = Buffer.alloc(64 * 1024)
  #position: number
  #rest = ''

  private constructor(file: FileHandle, position: number) {
    this.#file = file
    this.#position = position
  }

  /** From the present end of the file, which is made if it is not there. */
  static async open(path: string): Promise<LogTail> {
    const file = await open(path, 'a+', 0o600)
    return new LogTail(file, (await file.stat()).size)
  }

  /** Takes in what is new; returns whether there was anything. */
  async read(): Promise<boolean> {
    let found = false
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, this.#buffer.length, this.#position)
      if (bytesRead === 0) return found
      found = true
      this.#position += bytesRead
      const lines = (this.#rest + this.#buffer.toString('utf8', 0, bytesRead)).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) readLogLine(this.recovery, line)
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
