/** What a process has around it: its streams, its environment, where it stands. Given, so that tests can hand in theirs. */
export interface Terminal {
  /** Results go here. */
  readonly out: Stream
  /** Everything else goes here. */
  readonly err: Stream
  /** Asks the person at the terminal; undefined when there is none to ask. */
  readonly ask: ((question: string) => Promise<string>) | undefined
  /** From then on SIGHUP calls this, and no longer stops the command. */
  readonly onHangUp: (listener: () => void) => void
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
}

export interface Stream {
  write(text: string): void
  /** Resolves when more may be given. */
  writeBytes(bytes: Uint8Array): Promise<void>
  /** A person looks at it. */
  readonly interactive: boolean
  /** Characters in a line of the terminal. */
  readonly columns: () => number
}
