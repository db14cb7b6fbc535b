#!/bin/sh
# Programs that tests run for real and that no Python package brings: PostgreSQL's server, nginx, systemd-analyze.
#
#   make system-packages    installs what is missing, with apt-get
#   make test               does the same unasked, but only where that starts no service: as root (or with a sudo that
#                           asks nothing) on a machine without a running systemd, as containers and CI are. Elsewhere, and
#                           where it fails, it says what is missing; the tests that need it fail with the same sentence.
set -u
PATH="$PATH:/usr/sbin:/sbin"
missing=""
[ -n "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
command -v nginx >/dev/null || missing="$missing nginx-light"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  as_root="sudo"
  if [ "${1:-}" = --unasked ] && ! sudo -n true 2>/dev/null; then as_root="nobody"; fi
fi
if ! command -v apt-get >/dev/null || [ "$as_root" = nobody ] || { [ "${1:-}" = --unasked ] && [ -d /run/systemd/system ]; }; then
  echo "Some tests need programs that are not installed: apt-get install$missing (or make system-packages)" >&2
  [ "${1:-}" = --unasked ]
  exit
fi
echo "Installing$missing ..." >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 - several words are meant
if ! { $as_root apt-get update -qq && $as_root apt-get install -qq -y --no-install-recommends $missing; } >/dev/null; then
  echo "apt-get could not install$missing: the tests that need them will fail" >&2
  [ "${1:-}" = --unasked ]
fi
