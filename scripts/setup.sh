#!/bin/sh
# Brings what the project needs and is not here yet. Safe to run again, and quick when nothing is to do.
#
#   sh scripts/setup.sh            npm packages and the build
#   sh scripts/setup.sh --tests    also PostgreSQL 15 with its client programs, age, zstd and Ceph (Debian packages),
#                                  and the npm packages of test/servers
#   sh scripts/setup.sh --bench    also pgBackRest, to measure against, and Ceph, an S3 server for both
set -eu
cd "$(dirname "$0")/.."

packages_missing=""

need() { # need PROGRAM PACKAGE
  [ -x "$1" ] || command -v "$1" >/dev/null 2>&1 || packages_missing="$packages_missing $2"
}

need_ceph() {
  need openssl openssl
  need ceph ceph-common
  need ceph-mon ceph-mon
  need ceph-osd ceph-osd
  need radosgw radosgw
}

say() { echo "setup: $1" >&2; }

install_npm_packages() {
  # npm writes the first of these when it has installed what the second says.
  if [ -n "$(find node_modules/.package-lock.json -newer package-lock.json 2>/dev/null)" ]; then return; fi
  say "installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error
}

install_test_servers() {
  (
    cd test/servers
    if [ -n "$(find node_modules/.package-lock.json -newer package-lock.json 2>/dev/null)" ]; then return; fi
    say "installing npm packages of the test servers"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  ) || say "that failed; see what it says with: (cd test/servers && npm ci --ignore-scripts)"
}

install_debian_packages() {
  [ -n "$packages_missing" ] || return 0
  as_root=""
  [ "$(id -u)" = 0 ] || as_root="sudo -n"
  command="apt-get install -y --no-install-recommends$packages_missing"
  if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    say "installing Debian packages:$packages_missing"
    export DEBIAN_FRONTEND=noninteractive
    { $as_root apt-get update -q && $as_root $command; } >/dev/null 2>&1 && return 0
    say "that failed; see what it says with: $as_root $command"
  else
    say "some of what follows needs Debian packages. Install them with:"
    say "  sudo apt-get update && sudo $command"
  fi
}

install_npm_packages
# The build is quick, and leaves what is up to date alone.
scripts/node scripts/build.mjs

for wanted in "$@"; do
  case $wanted in
    --tests)
      need /usr/lib/postgresql/15/bin/pg_ctl postgresql-15
      need age age
      need zstd zstd
      need_ceph
      install_test_servers
      ;;
    --bench)
      need pgbackrest pgbackrest
      need_ceph
      ;;
    *)
      say "unknown option $wanted (known: --tests, --bench)"
      exit 2
      ;;
  esac
done
install_debian_packages
