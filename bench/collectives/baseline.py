"""Rows of ronde-bench as baselines: what identifies a row, medians over runs, files by machine."""

import json
import re
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASELINES = ROOT / "bench" / "baselines"

# What makes two rows comparable. `place` is added here: one row of ronde-bench is two of ours.
KEY = ("collective", "ranks", "size_bytes", "dtype", "op", "path", "buffers", "cache", "consume",
       "place", "device")
# What rows had before they said so.
DEFAULTS = {"cache": "warm", "consume": False, "device": "cpu"}


class BenchError(Exception):
    """What the user has to change; one line."""


def read_rows(path):
    """The rows of a --json file of ronde-bench, or of a baseline."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        if text.startswith('{"machine"'):
            saved = json.loads(text)
            return [{**DEFAULTS, **dict(zip(saved["columns"], row))} for row in saved["rows"]]
        return split_places(json.loads(line) for line in text.splitlines() if line.startswith("{"))
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"{path}: not a file of `ronde-bench --json` or a baseline: {error}"
                         ) from error


def split_places(rows):
    """Each row out of place and, where it has that, in place as a row of its own."""
    result = []
    for row in rows:
        common = {**DEFAULTS, **{k: row[k] for k in KEY if k in row}}
        for place, figures in (("out of place", row), ("in place", row["in_place"])):
            if figures is not None:
                result.append({**common, "place": place, "p50_us": figures["p50_us"]})
    return result


def key_of(row):
    return tuple(row[name] for name in KEY)


def medians(rows):
    """{key: median p50_us}, over all rows of that key."""
    found = {}
    for row in rows:
        found.setdefault(key_of(row), []).append(row["p50_us"])
    return {key: statistics.median(values) for key, values in found.items()}


def machine_key(info):
    """The machine as ronde-info --json describes it: hardware only, no host name."""
    memory_gib = round(info["topology"]["memory_bytes"] / (1 << 30))
    return f"{info['machine']}, memory {memory_gib} GiB"


def this_machine(bin_dir):
    program = Path(bin_dir) / "ronde-info"
    try:
        done = subprocess.run([str(program), "--json"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"{program}: cannot be run; build it with ./dev build, or name its folder "
                         "with --bin-dir") from error
    return machine_key(json.loads(done.stdout))


def baseline_path(machine, folder=BASELINES):
    return Path(folder) / (re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-") + ".json")


def write_baseline(machine, rows, folder=BASELINES):
    """One line a row, so that a change of one figure is a change of one line."""
    path = baseline_path(machine, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps([*key, round(value, 3)])
             for key, value in sorted(medians(rows).items(), key=lambda item: str(item[0]))]
    path.write_text('{"machine": ' + json.dumps(machine) + ',\n "columns": '
                    + json.dumps([*KEY, "p50_us"]) + ',\n "rows": [\n  '
                    + ",\n  ".join(lines) + "\n]}\n", encoding="utf-8")
    return path
