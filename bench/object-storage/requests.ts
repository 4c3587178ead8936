/** Requests as the server counts them: the access log of Ceph's radosgw, a line each. */
import { closeSync, openSync, readSync } from 'node:fs'

export interface AccessLine {
  readonly method: string
  readonly bucket: string
  readonly status: number
  readonly userAgent: string
}

/** `… beast: 0x7f: 127.0.0.1 - owner [time] "PUT /bucket/key?x HTTP/1.1" 200 0 - "agent" - latency=…` */
const pattern =
  /beast: \S+: \S+ - \S+ \[[^\]]*\] "([A-Z]+) \/([^/? ]*)\S* HTTP\/[\d.]+" (\d+) \S+ \S+ "([^"]*)"/

export function parseAccessLine(line: string): AccessLine | undefined {
  const match = pattern.exec(line)
  if (!match) return undefined
  const [, method = '', bucket = '', status = '', userAgent = ''] = match
  return { method, bucket, status: Number(status), userAgent }
}

/** Reads what the log has grown by at each look. */
export class RequestLog {
  readonly #path: string
  readonly #counts = new Map<string, number>()
  #offset = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  /** How many requests a bucket has had so far, failed ones too: they are paid for as well. */
  countOf(bucket: string): number {
    this.#readOn()
    return this.#counts.get(bucket) ?? 0
  }

  #readOn(): void {
    const file = openSync(this.#path, 'r')
    try {
      const buffer = Buffer.allocUnsafe(1 << 20)
      for (;;) {
        const sizeBytes = readSync(file, buffer, 0, buffer.length, this.#offset)
        if (sizeBytes === 0) return
        this.#offset += sizeBytes
        this.#take(buffer.toString('latin1', 0, sizeBytes))
      }
    } finally {
      closeSync(file)
    }
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const bucket = parseAccessLine(line)?.bucket
      if (bucket !== undefined) this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1)
    }
  }
}
