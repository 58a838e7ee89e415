#!/usr/bin/env python3
"""Makes docs/gpu-results.md of a folder that measure_gpu.sh has written.

usage: report.py [FOLDER] [--output FILE]

Rows that were not measured are said to be so, with the command that measures them. Exit code 1:
something was measured and a goal was missed, or a result was wrong.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "bench/device/measure_gpu.sh"
NOT_MEASURED = "not measured"


def read_lines(path):
    """The objects of a JSON Lines file; nothing where there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return []
    rows = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                rows.append(json.loads(line))
            except ValueError:
                pass  # the line that a time limit has cut
    return rows


def read_text(path):
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


class Goals:
    """The table of goals: a row is (what, goal, measured, reached); reached None: not measured."""

    def __init__(self, folder):
        self.kernels = read_lines(folder / "kernels.jsonl")
        self.torch = read_lines(folder / "torch_sgd.jsonl")
        self.training = read_lines(folder / "training.json") or self._object(folder)
        self.rows = [self.pack(), self.reduce(), self.optimizer_bound(), self.optimizer_torch(),
                     self.trainer()]

    @staticmethod
    def _object(folder):
        try:
            return [json.loads(read_text(folder / "training.json"))]
        except ValueError:
            return []

    def of_kernels(self, names):
        return [row for row in self.kernels
                if row["kernel"] in names and row["goal_percent"] is not None]

    def bound(self, what, goal, names, launches=False):
        rows = self.of_kernels(names)
        if not rows:
            return what, goal, NOT_MEASURED, None
        least = min(rows, key=lambda row: row["bound_percent"])
        text = f"{least['bound_percent']:.0f}% at least ({least['kernel']}, {least['variant']})"
        reached = all(row["bound_percent"] >= row["goal_percent"] and row["wrong"] in (0, None)
                      for row in rows)
        if launches:
            most = max(row["launches"] for row in rows)
            text += f", {most} launch{'es' if most > 1 else ''}"
            reached = reached and all(row["launches"] <= row["most_launches"] for row in rows)
        return what, goal, text, reached

    def pack(self):
        return self.bound("pack and unpack of ResNet-50's 161 gradients",
                          ">= 85% of a device-to-device copy of the same bytes; <= 3 launches",
                          ("pack", "unpack"), launches=True)

    def reduce(self):
        return self.bound("reduction of 2 to 8 inputs of 64 MiB", ">= 85% of the memory's bound",
                          ("reduce",))

    def optimizer_bound(self):
        return self.bound("Nesterov SGD, SlowMo's outer step, and both",
                          ">= 85% of the memory's bound", ("nesterov", "slowmo", "both"))

    def optimizer_torch(self):
        what, goal = "the same beside torch's foreach SGD", ">= 1.5x"
        theirs = [row for row in self.torch if row["way"] == "foreach"]
        ours = [row for row in self.kernels if row["kernel"] in ("nesterov", "both")]
        if not theirs or not ours:
            return what, goal, NOT_MEASURED, None
        best = min(row["time_us"] for row in theirs)
        ratios = {row["kernel"]: best / row["time_us"] for row in sorted(
            ours, key=lambda row: -row["time_us"])}
        text = ", ".join(f"{name} {ratio:.2f}x" for name, ratio in sorted(ratios.items()))
        text += f" (torch's best: {best:.0f} us)"
        return what, goal, text, ratios.get("nesterov", 0) >= 1.5

    def trainer(self):
        what, goal = "ResNet-50, bf16, channels_last, one GPU, synthetic data", \
            ">= 1.0x Python PyTorch, in one run"
        for row in self.training:
            ratio = row.get("ratio")
            if ratio is None and isinstance(row.get("summary"), dict):
                ratio = row["summary"].get("ratio")
            if ratio is not None:
                return what, goal, f"{ratio:.3f}x", ratio >= 1.0
        return what, goal, NOT_MEASURED, None


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def goals_section(goals):
    words = {None: "-", True: "yes", False: "**no**"}
    rows = [(what, goal, text, words[reached]) for what, goal, text, reached in goals.rows]
    lines = ["## Goals", ""] + table(("what", "at least", "measured", "reached"), rows) + [""]
    missing = [what for what, _, _, reached in goals.rows if reached is None]
    if missing:
        lines += ["Not measured yet, for want of a GPU in the run above: " + "; ".join(missing)
                  + f". `{COMMAND}` measures them.", ""]
    return lines


def kernels_section(goals):
    if not goals.kernels:
        return []
    rows = [(row["kernel"], row["variant"], row["dtype"], row["launches"], f"{row['time_us']:.1f}",
             f"{row['gbs']:.0f}", f"{row['bound_percent']:.0f}%",
             "-" if row["wrong"] is None else row["wrong"]) for row in goals.kernels]
    return ["## Kernels", "",
            "`ronde-bench-kernels`; medians; the bound is a device-to-device copy that moves as "
            "many bytes, in turn with the kernel.", ""] + table(
                ("kernel", "variant", "type", "launches", "us", "GB/s", "of the bound", "wrong"),
                rows) + [""]


def torch_section(goals):
    if not goals.torch:
        return []
    rows = [(row["way"], row["layout"], row["tensors"], f"{row['time_us']:.1f}")
            for row in goals.torch]
    version = goals.torch[0]["torch"]
    return ["## torch's SGD", "", f"torch {version}, `bench/device/foreach_sgd.py`.", ""] + table(("way", "over", "tensors", "us a step"), rows) + [""]


def ratio_to_nccl(row):
    peer = row["peers"].get("nccl")
    return f"{peer['p50_us'] / row['p50_us']:.2f}" if peer and row["p50_us"] > 0 else "-"


def bench_section(folder):
    lines = []
    for path in sorted(folder.glob("bench_*.jsonl")):
        rows = read_lines(path)
        if not rows:
            continue
        lines += [f"`{path.stem}`: {rows[0]['ranks']} rank(s), path {rows[0]['path']}, "
                  f"{rows[0]['buffers']} buffers", ""]
        lines += table(("bytes", "algorithm", "us", "GB/s", "in place us", "x NCCL", "wrong"), [
            (row["size_bytes"], row["algorithm"], f"{row['p50_us']:.1f}", f"{row['algbw_gbs']:.2f}",
             f"{row['in_place']['p50_us']:.1f}" if row["in_place"] else "-", ratio_to_nccl(row),
             row["wrong"]) for row in rows]) + [""]
    if not lines:
        return []
    return ["## Collectives", "",
            "All ranks share one GPU, as streams of one process (threads) or as processes that "
            "take turns on it: these rows show that results are right, not what several GPUs "
            "would reach.", ""] + lines


def steps_section(steps):
    if not steps:
        return []
    words = {0: "passed", 124: "ran past its limit", 137: "ran past its limit"}
    rows = [(step["step"], "skipped, at least in part" if step.get("skipped")
             else words.get(step["exit_code"], f"exit code {step['exit_code']}"),
             f"{step['seconds']} s", f"`{step['command']}`") for step in steps]
    return ["## Steps", ""] + table(("step", "outcome", "time", "command"), rows) + [""]


def wrong_elements(goals, folder):
    wrong = sum(row["wrong"] or 0 for row in goals.kernels)
    for path in folder.glob("bench_*.jsonl"):
        for row in read_lines(path):
            wrong += (row["wrong"] or 0) + ((row["in_place"] or {}).get("wrong") or 0)
    return wrong


def head(folder, goals):
    lines = ["# GPU results", ""]
    found = any(step["step"] == "machine" and step["exit_code"] == 0
                for step in read_lines(folder / "steps.jsonl"))
    names = {row["device_name"] for row in goals.kernels + goals.torch}
    machine = read_text(folder / "machine.txt") if found else ", ".join(sorted(names))
    if not machine:
        return lines + ["Not measured yet: no GPU was at hand. Everything builds with CUDA and is "
                        "tested on the host and on the simulated device.", ""]
    toolkit = (read_text(folder / "toolkit.txt").splitlines() or ["-"])[-1]
    return lines + [f"- device: {machine}", f"- date: {read_text(folder / 'date.txt')}",
                    f"- CUDA: {toolkit}; torch: {read_text(folder / 'torch_version.txt') or '-'}",
                    f"- command: `{COMMAND}`", ""]


def report(folder):
    """The text, and whether all that was measured is right and has reached its goal."""
    goals = Goals(folder)
    lines = head(folder, goals) + goals_section(goals) + kernels_section(goals)
    lines += torch_section(goals) + bench_section(folder)
    if lines[2].startswith("- "):  # there was a device
        lines += steps_section(read_lines(folder / "steps.jsonl"))
    good = wrong_elements(goals, folder) == 0 and all(row[3] is not False for row in goals.rows)
    return "\n".join(lines).rstrip() + "\n", good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "gpu-results")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "gpu-results.md")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        print(f"report.py: {arguments.folder} is no folder; run {COMMAND} first", file=sys.stderr)
        return 2
    text, good = report(arguments.folder)
    arguments.output.write_text(text, encoding="utf-8")
    print(f"report.py: wrote {arguments.output}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
