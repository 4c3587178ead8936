#!/bin/sh
# Brings what the project needs and is not here yet. Safe to run again, and quick when nothing is to do.
#
#   sh scripts/setup.sh            npm packages and the build
#   sh scripts/setup.sh --tests    also PostgreSQL 15 with its client programs, age, zstd, Amazon's command line, promtool and Ceph (Debian packages),
#                                  the npm packages of test/servers, and moto, which speaks the APIs of EC2 and RDS
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

# A newer Debian has moto; its packages are unpacked beside the npm packages of the test servers, with the Python and the
# libraries that they want, and run from there. Nothing of it is installed in the system, and it needs no root.
install_moto() {
  moto=test/servers/node_modules/.moto
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  if [ -x "$moto/usr/bin/moto_server" ]; then return; fi
  if ! command -v apt-get >/dev/null 2>&1 || [ ! -r "$keyring" ]; then
    say "moto (EC2 and RDS for tests) is not installed: it comes from Debian's packages; its tests will be left out"
    return
  fi
  say "unpacking moto, from Debian trixie, in $moto"
  new="$PWD/$moto.new"
  rm -rf "$moto" "$new"
  (
    site="$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/*$' || echo http://deb.debian.org/debian)"
    mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial" "$new/usr/bin" "$new/usr/sbin" "$new/usr/lib" "$new/usr/lib64"
    : >"$new/apt/status"
    echo "deb [signed-by=$keyring] $site trixie main" >"$new/apt/sources.list"
    in_new() {
      apt-get -q -o Dir::State="$new/apt" -o Dir::State::lists="$new/apt/lists" -o Dir::State::status="$new/apt/status" \
        -o Dir::Cache="$new/apt" -o Dir::Cache::archives="$new/apt/archives" -o Dir::Etc::SourceList="$new/apt/sources.list" \
        -o Dir::Etc::SourceParts=- -o Dir::Etc::Preferences=- -o Dir::Etc::PreferencesParts=- -o APT::Sandbox::User= \
        -o APT::Install-Recommends=false -o Acquire::Languages=none -o Debug::NoLocking=true -o Acquire::Retries=2 "$@"
    }
    in_new update && in_new install -y --download-only python3-moto python3-flask python3-flask-cors || exit 1
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$new/$folder"; done
    for package in "$new"/apt/archives/*.deb; do
      dpkg-deb --fsys-tarfile "$package" | tar -x -C "$new" --keep-directory-symlink --no-same-owner \
        --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./var --exclude=./etc || exit 1
    done
    rm -rf "$new/apt"
    mv "$new" "$moto"
  ) >test/servers/node_modules/.moto.log 2>&1 || say "that failed, see test/servers/node_modules/.moto.log; its tests will be left out"
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
      need /usr/bin/aws awscli
      need mkfs.btrfs btrfs-progs
      need mkfs.xfs xfsprogs
      need zfs zfs-fuse
      need promtool prometheus
      need_ceph
      install_test_servers
      install_moto
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
