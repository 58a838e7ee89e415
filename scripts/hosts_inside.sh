#!/usr/bin/env bash
# What runs in the hosts of ./dev hosts; see hosts_bed.sh.
#
#   hold STATE HOST SHM_SIZE              sets a new host's namespaces up, says "ready", sleeps
#   enter STATE PID COMMAND...            runs a command on the host that PID holds
#   rsh STATE [SSH OPTIONS] HOST WORD...  as ssh does: by a shell, in an empty environment
#   watch STATE SECONDS OWNER DEV         takes the test bed down when its time has come
set -euo pipefail

# Nothing that stays may keep the caller's pipes or locks.
close_inherited() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    ((fd <= 2 || fd == 255)) || eval "exec $fd>&-"
  done
}

hold() { # STATE HOST SHM_SIZE
  local state=$1 host=$2 size=${3:+,size=$3}
  close_inherited
  exec 2>&1 </dev/null
  cd /
  # First of all what tells whose process this is.
  mount -t tmpfs -o mode=755 none "$state/own"
  echo "$(cat "$state/id") $host" >"$state/own/id"
  mkdir -m 1777 "$state/own/tmp"
  hostname "$host"
  ip link set lo up
  sysctl -q -w net.ipv6.conf.{all,default}.disable_ipv6=1 2>/dev/null || true
  mount -t tmpfs -o "mode=1777$size" none /dev/shm
  # /sys shows the network interfaces of whoever mounted it.
  mkdir "$state/own/cgroup"
  mount --rbind /sys/fs/cgroup "$state/own/cgroup" 2>/dev/null || true
  mount -t sysfs none /sys
  mount --rbind "$state/own/cgroup" /sys/fs/cgroup 2>/dev/null || true
  mount --bind "$state/etc_hosts" /etc/hosts
  echo ready
  exec >/dev/null 2>&1
  exec sleep infinity
}

enter() { # STATE PID COMMAND...
  local state=$1 pid=$2
  shift 2
  exec nsenter --target "$pid" --net --uts --ipc --mount -- \
    env --chdir="$PWD" "TMPDIR=$state/own/tmp" "$@"
}

rsh() { # STATE [SSH OPTIONS] HOST WORD...
  local state=$1 host code
  shift
  while [[ ${1:-} == -* ]]; do
    case $1 in
      -[pilocFJLRDEBbeImOQSWw]) shift 2 ;;
      *) shift ;;
    esac
  done
  host=${1:?}
  shift
  if ! answers "$state" "$host"; then
    echo "ssh: connect to host $host: No route to host" >&2
    exit 255
  fi
  cd "${HOME:-/}"
  # A process of its own, as ssh's two ends are: what its caller kills is this one.
  (enter "$state" "$(cat "$state/pid.$host")" env -i "HOME=${HOME:-/}" "USER=${USER:-root}" \
    SHELL=/bin/sh "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" "TMPDIR=$state/own/tmp" \
    /bin/sh -c "$*") <&0 &
  code=0
  wait "$!" 2>/dev/null || code=$?
  # Nobody says goodbye on behalf of a host that has crashed.
  answers "$state" "$host" || exec sleep infinity
  exit "$code"
}

answers() { # STATE HOST: whether it has not crashed
  local pid id
  pid=$(cat "$1/pid.$2" 2>/dev/null) || return 1
  read -r id 2>/dev/null <"/proc/$pid/root$1/own/id" || return 1
  [[ $id == "$(cat "$1/id") $2" ]]
}

watch() { # STATE SECONDS OWNER DEV
  close_inherited
  cd /
  if [[ -n $3 ]]; then
    timeout "$2" tail --pid="$3" -f /dev/null || true
  else
    sleep "$2"
  fi
  RONDE_HOSTS_WATCHER=$$ exec "$4" hosts down --name "${1##*/}"
}

"$@"
