# shellcheck shell=bash
# ./dev hosts: a test bed of several hosts on this machine. See hosts_bed.sh for what a host is.

# shellcheck source=scripts/hosts_bed.sh
source "$ROOT/scripts/hosts_bed.sh"

help_hosts() {
  cat <<'HELP'
usage: ./dev hosts up [N] [--rate RATE] [--delay TIME] [OPTIONS]
       ./dev hosts run [-np N] [--hosts LIST] [RONDERUN OPTIONS] PROGRAM [ARGS]
       ./dev hosts exec HOST [COMMAND [ARGS]]
       ./dev hosts link HOST up | down | mute | rate RATE | delay TIME
       ./dev hosts crash HOST
       ./dev hosts status | down | check

Plays cluster: hosts h1 .. hN (2) on this machine, each with its own network, name, /etc/hosts,
/dev/shm, /tmp of MPI and host id, joined by one switch. Nothing reaches the machine's own network.
Needs root and iproute2. Every verb takes --name NAME: several test beds may stand at once.

  up      RATE limits each host's link in each direction: 100mbit, 1gbit (default), none.
          TIME is the delay from one host to another, half of a ping: 50us, 2ms, none (default);
          it needs a kernel with netem.
          --burst BYTES     what a link may send at once [1 ms of RATE, at least 131072]
          --shm-size SIZE   of each /dev/shm: 64m [half of the memory]
          --lifetime S      seconds after which the test bed is taken down [43200]
          --owner PID       taken down when this process has ended
  run     starts a job on h1 with ronderun from build/bin; N (one per host) ranks over LIST
          (h1:S,h2:S,... with as many slots as are needed). --mpirun: with plain mpirun instead;
          --ronderun FILE: with another one. Ctrl-C and the exit code pass through.
  exec    a shell, or a command, on one host
  link    pulls the cable of one host (down) and puts it back (up), loses its packets while the
          cable stays in (mute, until up), or changes its speed
  crash   ends all that runs on a host at once and takes its link away
  down    ends all that runs on the hosts and removes them, also a half-made test bed
  check   says in one line why this machine cannot have a test bed (exit code 1), or nothing
HELP
}

# Takes --name out of the arguments: the rest is in ARGUMENTS, the folder in STATE. What comes after
# the first word that is no option belongs to somebody else.
take_name() {
  local name=default
  ARGUMENTS=()
  while (($#)); do
    case $1 in
      --name)
        name=${2:-}
        shift 2 || die "--name needs a name"
        ;;
      --name=*)
        name=${1#*=}
        shift
        ;;
      *)
        ARGUMENTS+=("$1")
        shift
        # shellcheck disable=SC2154  # of run_hosts
        if [[ $verb == run || $verb == exec ]] && [[ ${ARGUMENTS[-1]} != -* ]]; then break; fi
        ;;
    esac
  done
  ARGUMENTS+=("$@")
  [[ $name =~ ^[A-Za-z0-9_.-]{1,40}$ && $name != .* ]] ||
    die "--name '$name': expected letters, digits, '-', '_' and '.'"
  STATE=$BEDS/$name
}

require_bed() {
  [[ -s $STATE/hosts ]] || die "no test bed '${STATE##*/}' is up; start it with ./dev hosts up"
}

hosts_up() {
  local count=2 rate=1gbit delay=none burst='' shm_size='' lifetime=43200 owner=''
  while (($#)); do
    case $1 in
      --rate | --delay | --burst | --shm-size | --lifetime | --owner)
        (($# >= 2)) || die "$1 needs a value"
        local variable=${1#--}
        printf -v "${variable//-/_}" '%s' "$2"
        shift 2
        ;;
      *)
        [[ $1 =~ ^[0-9]+$ ]] || die "hosts up: '$1' is not known; ./dev hosts --help"
        count=$1
        shift
        ;;
    esac
  done
  ((count >= 1 && count <= 64)) || die "hosts up: 1 to 64 hosts are possible, not $count"
  check_rate "$rate"
  check_delay "$delay"
  [[ -z $burst || $burst =~ ^[0-9]+$ ]] || die "--burst '$burst': expected bytes"
  [[ -z $shm_size || $shm_size =~ ^[0-9]+[kmg]?$ ]] || die "--shm-size '$shm_size': expected 64m"
  [[ $lifetime =~ ^[0-9]+$ ]] || die "--lifetime '$lifetime': expected seconds"
  [[ -z $owner || -d /proc/$owner ]] || die "--owner '$owner': there is no such process"
  local reason
  reason=$(why_not) || die "$reason"
  make_bed "$count" "$rate" "$delay" "$burst" "$shm_size" "$lifetime" "$owner"
  say "$count hosts are up (rate $rate, delay $delay): ./dev hosts run, ./dev hosts exec h1"
}

# h1:S,h2:S,... with room for $1 ranks.
all_hosts() {
  local count slots host list=''
  count=$(wc -l <"$STATE/hosts")
  slots=$((($1 + count - 1) / count))
  while read -r host _; do list+=${list:+,}$host:$slots; done <"$STATE/hosts"
  echo "$list"
}

hosts_run() {
  require_bed
  local plain=0 ranks='' hosts='' launcher=$ROOT/build/bin/ronderun options=()
  while (($#)); do
    case $1 in
      --mpirun) plain=1 && shift ;;
      -np | --np | -n | --hosts | -H | --ronderun)
        (($# >= 2)) || die "$1 needs a value"
        case $1 in
          --ronderun) launcher=$2 ;;
          --hosts | -H) hosts=$2 ;;
          *) ranks=$2 ;;
        esac
        shift 2
        ;;
      *) break ;;
    esac
  done
  (($#)) || die "hosts run: say which program; ./dev hosts --help"
  ranks=${ranks:-$(wc -l <"$STATE/hosts")}
  [[ $ranks =~ ^[0-9]+$ ]] || die "-np '$ranks': expected a number of ranks"
  hosts=${hosts:-$(all_hosts "$ranks")}
  if ((plain)); then
    options=(mpirun --bind-to none -np "$ranks" -H "$hosts")
  else
    options=("$launcher" -np "$ranks" --hosts "$hosts")
  fi
  enter_host h1 env "OMPI_MCA_plm_rsh_agent=$STATE/agent" "PRTE_MCA_plm_ssh_agent=$STATE/agent" \
    "OMPI_MCA_oob_tcp_if_include=${OMPI_MCA_oob_tcp_if_include:-eth0}" \
    "OMPI_MCA_btl_tcp_if_include=${OMPI_MCA_btl_tcp_if_include:-eth0}" \
    "PRTE_MCA_prte_if_include=${PRTE_MCA_prte_if_include:-eth0}" \
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 "${options[@]}" "$@"
}

hosts_exec() {
  require_bed
  (($#)) || die "hosts exec: say on which host; ./dev hosts --help"
  local host=$1
  shift
  (($#)) || set -- "${SHELL:-/bin/bash}"
  enter_host "$host" "$@"
}

hosts_link() {
  require_bed
  (($# >= 2)) || die "hosts link: expected HOST up, down, mute, rate RATE or delay TIME"
  require_host "$1"
  case $2 in
    up) in_switch ip link set "$1" up && in_switch bridge link set dev "$1" state 3 ;;
    down) in_switch ip link set "$1" down ;;
    mute) in_switch bridge link set dev "$1" state 0 ;;
    rate | delay) change_link "$1" "$2" "${3:-}" ;;
    *) die "hosts link: '$2' is not known; ./dev hosts --help" ;;
  esac
}

hosts_crash() {
  require_bed
  (($# == 1)) || die "hosts crash: say which host"
  require_host "$1"
  # From here on it answers nobody: its processes cannot all end in the same moment.
  rm -f "$STATE/pid.$1"
  in_switch ip link delete "$1" 2>/dev/null || true
  end_processes "$1"
}

hosts_status() {
  local host address rate delay pid state processes beds=("$BEDS"/*/)
  [[ -d ${beds[0]} ]] || { say "no test bed is up"; return; }
  for STATE in "${beds[@]%/}"; do
    echo "test bed ${STATE##*/}"
    [[ -s $STATE/hosts ]] || { echo "  half-made or going down"; continue; }
    while read -r host address; do
      pid=$(host_pid "$host") || pid=''
      state=$([[ -n $pid ]] && in_switch cat "/sys/class/net/$host/operstate" 2>/dev/null) ||
        state=gone
      read -r rate delay _ <"$STATE/link.$host"
      processes=$(bed_processes "$host" | wc -l)
      printf '  %-4s %-10s link %-5s rate %s, delay %s; %d processes\n' "$host" \
        "$address" "$state" "$rate" "$delay" "$((processes > 0 ? processes - 1 : 0))"
    done <"$STATE/hosts"
  done
}

hosts_down() {
  [[ -d $STATE ]] || { say "no test bed '${STATE##*/}' is up"; return; }
  remove_bed
}

hosts_check() { why_not || return 1; }

run_hosts() {
  local verb=${1:-}
  (($#)) && shift
  case $verb in
    up | run | exec | link | crash | status | down | check)
      take_name "$@"
      "hosts_$verb" ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}
      ;;
    '' | -h | --help | help) help_hosts ;;
    *) die "hosts: '$verb' is not known; ./dev hosts --help" ;;
  esac
}
