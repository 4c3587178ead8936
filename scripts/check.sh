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

# Lint takes as long as the others together, and has a processor to itself meanwhile. All say what they found.
status=0
$node node_modules/eslint/bin/eslint.js --cache --cache-location node_modules/.cache/eslint/ . &
lint=$!
trap 'kill "$lint" 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
say format
$node node_modules/prettier/bin/prettier.cjs --check --log-level warn . || status=1
say types
$node node_modules/typescript/bin/tsc --noEmit -p . || status=1
say lint
wait "$lint" || status=1
[ $status = 0 ] || exit 1
[ "${1:-}" = --without-tests ] && exit
say "unit tests"
$node node_modules/vitest/vitest.mjs run --project unit --reporter=dot
