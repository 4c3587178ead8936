import { expect, test } from 'vitest'
import { maskSecrets } from './mask-secrets.ts'

test.each([
  ['AWS_SECRET_ACCESS_KEY=abc/def+1 holdfast wal push %p', 'AWS_SECRET_ACCESS_KEY=*** holdfast wal push %p'],
  ['env PGPASSWORD=\'a b\' TOKEN="c \\" d" cp %p /mnt', 'env PGPASSWORD=*** TOKEN=*** cp %p /mnt'],
  ['push --api-key=abc;true', 'push --api-key=***;true'],
  ['curl -T %p https://me:s3cret@host/wal/%f', 'curl -T %p https://***@host/wal/%f'],
  ['curl -T %p sftp://token@host/%f?a=1', 'curl -T %p sftp://***@host/%f?a=1'],
  [
    'PATH=/usr/bin holdfast --config /etc/h.yaml wal push %p',
    'PATH=/usr/bin holdfast --config /etc/h.yaml wal push %p',
  ],
  ['cp %p user@host:/wal/%f', 'cp %p user@host:/wal/%f'],
])('%s', (command, shown) => {
  expect(maskSecrets(command)).toBe(shown)
})
