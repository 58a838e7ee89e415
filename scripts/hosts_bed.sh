# shellcheck shell=bash
# How ./dev hosts makes and removes a test bed.
#
# A host is a sleeping process (the holder) with namespaces of its own for network, name, mounts and
# System V memory; whoever belongs to the host lives in them. The switch is one more such process,
# with a bridge. All of it is gone with the last process inside. Processes are found by a file that
# only they see: the host's id, on a file system mounted in their namespace alone. Ids are random:
# neither a reused pid nor a reused namespace number can be mistaken for a host.
#
#   $STATE/id          this test bed's own random id
#   $STATE/hosts       "h1 10.77.0.1", a line for each host
#   $STATE/pid.h1      its holder; pid.switch, pid.watcher
#   $STATE/link.h1     "RATE DELAY BURST" as they are now
#   $STATE/own         empty outside; in a host: its id and its tmp
#   $STATE/agent       what mpirun runs to reach another host

readonly BEDS=/run/ronde-hosts
readonly SUBNET=10.77.0
readonly INSIDE=$ROOT/scripts/hosts_inside.sh

# Prints why this machine cannot have a test bed and returns 1, or returns 0.
why_not() {
  local tool
  if ((EUID != 0)); then
    echo "a test bed of several hosts needs root"
    return 1
  fi
  for tool in ip tc unshare nsenter setsid; do
    if ! command -v "$tool" >/dev/null; then
      echo "a test bed of several hosts needs '$tool' (Debian packages iproute2, util-linux)"
      return 1
    fi
  done
  # What can be missing inside a container or in a small kernel, tried where it leaves no trace.
  if ! unshare --net --uts --ipc --mount bash -c '
    ip link add probe type bridge && ip link add left type veth peer name right &&
    tc qdisc add dev left root tbf rate 1gbit burst 128kb limit 1mb &&
    mount -t tmpfs none /dev/shm && mount -t sysfs none /sys' >/dev/null 2>&1; then
    echo "a test bed of several hosts needs network namespaces, veth, bridge, tbf and mount," \
      "and this kernel or container refuses one of them"
    return 1
  fi
}

check_rate() {
  [[ $1 =~ ^([0-9]+|[0-9]+\.[0-9]+)[kmg]bit$ || $1 == none ]] ||
    die "rate '$1': expected 100mbit, 1gbit, ... or none"
}

check_delay() {
  [[ $1 =~ ^([0-9]+|[0-9]+\.[0-9]+)(us|ms)$ || $1 == none ]] ||
    die "delay '$1': expected 50us, 2ms, ... or none"
  [[ $1 == none ]] || unshare --net tc qdisc add dev lo root netem delay 1ms 2>/dev/null ||
    die "delay '$1': this kernel has no netem (CONFIG_NET_SCH_NETEM); only none is possible"
}

# Prints the pid of host $1 (or switch) of $STATE; fails where its holder has ended.
host_pid() {
  local pid id
  pid=$(cat "$STATE/pid.$1" 2>/dev/null) || return 1
  read -r id 2>/dev/null <"/proc/$pid/root$STATE/own/id" || return 1
  [[ $id == "$(cat "$STATE/id") $1" ]] && echo "$pid"
}

require_host() {
  grep -q "^$1 " "$STATE/hosts" || die "there is no host '$1'; ./dev hosts status lists them"
  host_pid "$1" >/dev/null || die "host '$1' has crashed; ./dev hosts down takes the test bed down"
}

# Replaces this shell by a command on a host.
enter_host() { # HOST COMMAND...
  require_host "$1"
  exec "$INSIDE" enter "$STATE" "$(host_pid "$1")" "${@:2}"
}

in_switch() {
  local pid
  pid=$(host_pid switch) || die "the test bed's switch has ended; ./dev hosts down"
  nsenter --target "$pid" --net --mount -- "$@"
}

on_host() { # HOST COMMAND...: in its network, with the machine's files
  nsenter --target "$(host_pid "$1")" --net -- "${@:2}"
}

# A link's limits, in both directions. The delay is put where packets leave the switch: on the
# sender TCP would count them as still unsent.
shape_link() { # HOST
  local host=$1 rate delay burst limit parent=(root)
  read -r rate delay burst <"$STATE/link.$host"
  on_host "$host" tc qdisc delete dev eth0 root 2>/dev/null || true
  in_switch tc qdisc delete dev "$host" root 2>/dev/null || true
  if [[ $delay != none ]]; then
    in_switch tc qdisc add dev "$host" root handle 1: netem delay "$delay" limit 100000
    parent=(parent 1:1)
  fi
  [[ $rate != none ]] || return 0
  # Room for 8 ms of queue, as a switch has it, where several hosts send to one.
  read -r burst limit < <(awk -v rate="$rate" -v burst="$burst" 'BEGIN {
    unit = rate ~ /g/ ? 1e9 : rate ~ /m/ ? 1e6 : 1e3
    bytes = rate * unit / 8
    if (burst == "auto") burst = bytes / 1000 > 131072 ? bytes / 1000 : 131072
    queue = bytes * 0.008 > 524288 ? bytes * 0.008 : 524288
    printf "%d %d\n", burst, burst + queue }')
  local shape=(tbf rate "$rate" burst "$burst" limit "$limit")
  on_host "$host" tc qdisc add dev eth0 root "${shape[@]}"
  in_switch tc qdisc add dev "$host" "${parent[@]}" handle 2: "${shape[@]}"
}

change_link() { # HOST rate|delay VALUE
  local rate delay burst
  read -r rate delay burst <"$STATE/link.$1"
  "check_$2" "$3"
  printf -v "$2" '%s' "$3"
  echo "$rate $delay $burst" >"$STATE/link.$1"
  shape_link "$1"
}

# Starts the holder of host $1 and waits until it stands.
start_holder() { # HOST SHM_SIZE
  local line='' fd pid
  exec {fd}< <(exec setsid unshare --net --uts --ipc --mount -- "$INSIDE" hold "$STATE" "$1" "$2")
  pid=$!
  read -r -t 10 line <&"$fd" || true
  exec {fd}<&-
  [[ $line == ready ]] || die "host $1 could not be made${line:+: $line}"
  echo "$pid" >"$STATE/pid.$1"
}

connect_host() { # HOST ADDRESS
  in_switch ip link add "$1" type veth peer name eth0 netns "$(host_pid "$1")"
  in_switch ip link set "$1" master switch up
  on_host "$1" ip address add "$2/24" dev eth0
  on_host "$1" ip link set eth0 up
}

# Takes the test bed down when its time is over or its owner has ended, whatever else happens.
start_watcher() { # LIFETIME OWNER
  setsid "$INSIDE" watch "$STATE" "$1" "$2" "$ROOT/dev" </dev/null >/dev/null 2>&1 &
  echo $! >"$STATE/pid.watcher"
}

make_bed() { # COUNT RATE DELAY BURST SHM_SIZE LIFETIME OWNER
  local host index
  mkdir -p "$BEDS"
  mkdir "$STATE" 2>/dev/null ||
    die "test bed '${STATE##*/}' is up already; ./dev hosts down --name ${STATE##*/} removes it"
  trap 'remove_bed >/dev/null' EXIT
  cat /proc/sys/kernel/random/uuid >"$STATE/id"
  mkdir "$STATE/own"
  start_watcher "$6" "$7"
  printf '#!/bin/sh\nexec %q rsh %q "$@"\n' "$INSIDE" "$STATE" >"$STATE/agent"
  chmod +x "$STATE/agent"
  printf '127.0.0.1 localhost\n' >"$STATE/etc_hosts"
  for ((index = 1; index <= $1; index++)); do
    printf '%s %s\n' "$SUBNET.$index" "h$index" >>"$STATE/etc_hosts"
    printf '%s %s\n' "h$index" "$SUBNET.$index" >>"$STATE/hosts.new"
    echo "$2 $3 ${4:-auto}" >"$STATE/link.h$index"
  done
  start_holder switch ''
  in_switch ip link add switch type bridge stp_state 0 forward_delay 0
  in_switch ip link set switch up
  while read -r host address; do
    start_holder "$host" "$5"
    connect_host "$host" "$address"
    shape_link "$host"
  done <"$STATE/hosts.new"
  mv "$STATE/hosts.new" "$STATE/hosts"
  trap - EXIT
}

# The pids of all that runs on host $1 (a pattern), holders included.
bed_processes() {
  local id own=$STATE/own/id folder line
  id=$(cat "$STATE/id" 2>/dev/null) || return 0
  for folder in /proc/[0-9]*; do
    read -r line 2>/dev/null <"$folder/root$own" || continue
    # shellcheck disable=SC2053  # a pattern
    if [[ $line == "$id "$1 ]]; then echo "${folder#/proc/}"; fi
  done
}

end_processes() { # HOST_PATTERN
  local pids end=$((SECONDS + 10))
  while mapfile -t pids < <(bed_processes "$1") && ((${#pids[@]} && SECONDS < end)); do
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.02
  done
  ((${#pids[@]} == 0)) || die "processes ${pids[*]} of test bed '${STATE##*/}' do not end"
}

remove_bed() {
  local watcher
  watcher=$(cat "$STATE/pid.watcher" 2>/dev/null) || watcher=''
  # Its own watcher may be what takes it down.
  if [[ -n $watcher && ${RONDE_HOSTS_WATCHER:-} != "$watcher" ]] &&
    tr '\0' ' ' 2>/dev/null <"/proc/$watcher/cmdline" | grep -qF " watch $STATE "; then
    kill -KILL -- "-$watcher" 2>/dev/null || true
  fi
  end_processes '*'
  rm -rf "${STATE:?}"
}
