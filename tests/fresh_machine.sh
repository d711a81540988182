#!/usr/bin/env bash
# By hand, as root: proves `./run` on a Debian 12 machine that has nothing of ours. Makes a bare Debian in a folder
# (debootstrap), clones the last commit into it, starts ./run there in its own namespaces of processes and network ports
# of its own, asks the page, stops it with Ctrl-C, starts it again, and prints how long each took.
#
#   tests/fresh_machine.sh [FOLDER]     default /var/tmp/fairlead-fresh; removed first, and kept afterwards
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
machine=${1:-/var/tmp/fairlead-fresh}
port=18080
tls_port=18443

say() { printf '%s\n' "$*" >&2; }

if ! command -v debootstrap >/dev/null; then
  say "needs debootstrap: apt-get install debootstrap"
  exit 2
fi
rm -rf "$machine"
debootstrap --variant=minbase bookworm "$machine" http://deb.debian.org/debian >"/tmp/debootstrap.log"
cp /etc/resolv.conf "$machine/etc/"
cat >"$machine/etc/apt/sources.list" <<SOURCES
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
SOURCES
git clone -q "$root" "$machine/root/fairlead"

# A PID namespace: /proc shows this machine only, and all its processes end with this script. /sys and /dev as they are.
inside='
  mount -t proc proc "$machine/proc"
  mount --rbind /sys "$machine/sys"
  mount --rbind /dev "$machine/dev"
  exec chroot "$machine" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb CI=true \
    FAIRLEAD_HTTP_PORT='$port' FAIRLEAD_HTTPS_PORT='$tls_port' /root/fairlead/run'
page() { curl -sf --max-time 5 "http://localhost:$port$1"; }

# start_and_ask: starts ./run, waits for the page, prints the seconds until it came, and stops it with Ctrl-C.
start_and_ask() {
  local started=$(date +%s%N) pid
  machine=$machine unshare --pid --fork --mount --kill-child=SIGKILL bash -euc "$inside" \
    </dev/null >>"$machine/run.log" 2>&1 &
  pid=$!
  until page / >"$machine/page.html"; do
    kill -0 $pid 2>/dev/null || { tail -30 "$machine/run.log" >&2; exit 1; }
    sleep 0.05
  done
  echo "$(($(date +%s%N) - started))" | awk '{ printf "%.1f s\n", $1 / 1e9 }'
  grep -o 'You have visited this page.*' "$machine/page.html" | sed 's/<.*//'
  page /version
  echo
  # The first process of the namespace is ./run itself, which has become fairlead up.
  kill -INT "$(pgrep -P $pid)"
  wait $pid || say "ended with $?"
}

say "first ./run, with everything to install and to build:"
start_and_ask
say "second ./run:"
start_and_ask
