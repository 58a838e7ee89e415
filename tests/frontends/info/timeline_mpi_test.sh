#!/usr/bin/env bash
# Over MPI: a program's --timeline writes one file per rank, which merge into one on one clock.
#
# usage: timeline_mpi_test.sh RONDERUN RONDE_BENCH RONDE_INFO
set -euo pipefail
run=$1 bench=$2 info=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$run" -np 2 "$bench" --path engine -b 4K -e 4K -c 0 --timeline "$work/t.json" --timeline-mark-cycles on \
  >/dev/null
"$info" --merge-timelines "$work/t.json" "$work/t.rank1.json" -o "$work/merged.json"
python3 - "$work/merged.json" <<'END'
import json, sys
trace = json.load(open(sys.argv[1]))
events = trace["traceEvents"]
assert {event["pid"] for event in events} == {0, 1}
names = {event.get("name") for event in events}
assert {"NEGOTIATE", "allreduce", "payload", "process_name"} <= names, names
# One clock: an operation that all ranks have to enter begins on each before it ends on any.
spans = {0: [], 1: []}
open_at = {}
for event in events:
    track = (event["pid"], event["tid"])
    if event["ph"] == "B" and event["name"] == "allreduce":
        open_at[track] = event["ts"]
    elif event["ph"] == "E" and track in open_at:
        spans[event["pid"]].append((open_at.pop(track), event["ts"]))
pairs = list(zip(sorted(spans[0]), sorted(spans[1])))
assert len(pairs) > 5 and len(spans[0]) == len(spans[1])
apart = [pair for pair in pairs if max(pair[0][0], pair[1][0]) > min(pair[0][1], pair[1][1])]
assert not apart, apart[:3]
END

status=0
"$run" -np 2 "$bench" --path engine --timeline "$work/none/t.json" >/dev/null 2>"$work/error" ||
  status=$?
[[ $status == 2 ]] || { echo "exit code $status" >&2; exit 1; }
[[ $(grep -c 'none/t' "$work/error") == 1 ]] || { cat "$work/error" >&2; exit 1; }
echo ok
