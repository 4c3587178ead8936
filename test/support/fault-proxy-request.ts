/** Requests to an S3 server as a proxy sees them: what they are for, and which of them a rule means. */
import type { IncomingMessage } from 'node:http'

export type RequestKind =
  | 'put'
  | 'begin-upload'
  | 'upload-part'
  | 'complete-upload'
  | 'abort-upload'
  | 'get'
  | 'head'
  | 'list'
  | 'delete'
  /** Questions about the bucket: versioning, encryption, locks. */
  | 'bucket'
  | 'other'

export interface SeenRequest {
  readonly kind: RequestKind
  readonly method: string
  /** Without the bucket, decoded; empty when the request is about the bucket. */
  readonly key: string
  readonly query: URLSearchParams
  readonly atMs: number
}

/** A request is meant when all that is said here is so. */
export interface RequestMatch {
  readonly kind?: RequestKind | readonly RequestKind[] | undefined
  readonly key?: RegExp | undefined
}

export function seenRequest(request: IncomingMessage): SeenRequest {
  const method = request.method ?? ''
  const url = new URL(request.url ?? '/', 'http://proxy')
  const [, key = ''] = /^\/[^/]*\/?(.*)$/s.exec(url.pathname) ?? []
  const query = url.searchParams
  return {
    kind: kindOf(method, key, query),
    method,
    key: decodeURIComponent(key),
    query,
    atMs: performance.now(),
  }
}

export function isMeant({ kind, key }: RequestMatch, request: SeenRequest): boolean {
  const kinds = kind === undefined ? undefined : typeof kind === 'string' ? [kind] : kind
  return (kinds?.includes(request.kind) ?? true) && (key?.test(request.key) ?? true)
}

function kindOf(method: string, key: string, query: URLSearchParams): RequestKind {
  if (key === '') return bucketKindOf(method, query)
  const isUpload = query.has('uploadId')
  switch (method) {
    case 'PUT':
      return isUpload ? 'upload-part' : query.size === 0 || query.has('x-id') ? 'put' : 'other'
    case 'POST':
      return isUpload ? 'complete-upload' : query.has('uploads') ? 'begin-upload' : 'other'
    case 'DELETE':
      return isUpload ? 'abort-upload' : 'delete'
    case 'GET':
      return query.size === 0 || query.has('x-id') ? 'get' : 'other'
    case 'HEAD':
      return 'head'
    default:
      return 'other'
  }
}

function bucketKindOf(method: string, query: URLSearchParams): RequestKind {
  if (method === 'POST' && query.has('delete')) return 'delete'
  if (method === 'GET' && (query.has('list-type') || query.has('prefix') || query.size === 0)) return 'list'
  return 'bucket'
}
