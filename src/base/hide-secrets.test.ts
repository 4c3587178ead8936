import { expect, test } from 'vitest'
import { hideSecrets } from './hide-secrets.ts'

test.each([
  ['postgresql://backup:hush@db1/shop?sslmode=require', 'postgresql://backup:***@db1/shop?sslmode=require'],
  ['postgresql://backup@db1/shop?password=hush&user=x', 'postgresql://backup@db1/shop?password=***&user=x'],
  ["host=db1 password='a b\\'c' dbname=shop", 'host=db1 password=*** dbname=shop'],
  ['host=db1 sslpassword=hush', 'host=db1 sslpassword=***'],
  ['https://x.blob.core.windows.net/c?sv=1&sig=abc%3D', 'https://x.blob.core.windows.net/c?sv=1&sig=***'],
  ['aws_secret_access_key = hush', 'aws_secret_access_key = ***'],
  ['AGE-SECRET-KEY-1QQPQYZ', '***'],
])('%s loses its secret', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown)
})

test.each([
  's3://bucket/prefix',
  '2026-03-01 14:30:00+00:00',
  '/srv/a:b@c/d',
  'postgresql://postgres@/postgres?host=/run',
])('%s has none, and stays', text => {
  expect(hideSecrets(text)).toBe(text)
})
