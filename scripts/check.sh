#!/bin/sh
# What has to be right before anything is handed in, in about a minute and without a network: format, lint, types, the
# house rules (layers, generated pages), and the tests that need no server.
#
#   sh scripts/check.sh --without-tests    when all tests run afterwards anyhow
set -eu
cd "$(dirname "$0")/.."
node=scripts/node

say() { echo "check: $1" >&2; }

[ -d node_modules ] || sh scripts/setup.sh

say format
$node node_modules/prettier/bin/prettier.cjs --check --log-level warn .
say types
$node node_modules/typescript/bin/tsc --noEmit -p .
say lint
$node node_modules/eslint/bin/eslint.js --cache --cache-location node_modules/.cache/eslint/ .
[ "${1:-}" = --without-tests ] && exit
say "unit tests"
$node node_modules/vitest/vitest.mjs run --project unit --reporter=dot
