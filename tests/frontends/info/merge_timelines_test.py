#!/usr/bin/env python3
"""ronde-info --merge-timelines makes one file of several, and says what it cannot merge.

usage: merge_timelines_test.py RONDE_INFO
"""

import json
import os
import subprocess
import sys
import tempfile


def timeline(rank, origin_ns=100, events=3):
    """A timeline's text, as a rank writes it."""
    spans = [{"ph": "X", "pid": rank, "tid": 1, "ts": 10.5 + i, "dur": 0.5, "name": f"span {i}"}
             for i in range(events)]
    head = json.dumps({"rank": rank, "host": f"host{rank}", "clock_offset_ns": rank * 7,
                       "clock_error_ns": rank, "origin_ns": origin_ns})
    lines = ",\n".join(json.dumps(span) for span in spans)
    return '{"displayTimeUnit":"ms",\n"otherData":%s,\n"traceEvents":[\n%s\n]}\n' % (head, lines)


class Folder:
    def __init__(self, info, path):
        self.info, self.path = info, path

    def write(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def merge(self, *inputs, out="merged.json"):
        command = [self.info, "--merge-timelines", *inputs, "-o", os.path.join(self.path, out)]
        return subprocess.run(command, capture_output=True, text=True)

    def merged(self, *inputs):
        """The merged file and what was said on stderr."""
        done = self.merge(*inputs)
        assert done.returncode == 0, done
        with open(os.path.join(self.path, "merged.json")) as file:
            return json.load(file), done.stderr

    def refused(self, expected, *inputs, **options):
        before = sorted(os.listdir(self.path))
        done = self.merge(*inputs, **options)
        assert done.returncode == 2, done
        assert done.stderr.count("\n") == 1 and expected in done.stderr, done
        assert sorted(os.listdir(self.path)) == before, "left something behind"


def check(folder):
    zero = folder.write("t.json", timeline(0))
    one = folder.write("t.rank1.json", timeline(1))

    whole, said = folder.merged(zero, one)
    assert said == "", said
    assert [event["pid"] for event in whole["traceEvents"]] == [0, 0, 0, 1, 1, 1]
    assert whole["traceEvents"][1] == {"ph": "X", "pid": 0, "tid": 1, "ts": 11.5, "dur": 0.5,
                                       "name": "span 1"}
    assert [rank["clock_offset_ns"] for rank in whole["otherData"]["ranks"]] == [0, 7]

    text = timeline(1)
    cut = folder.write("cut.json", text[:text.index("span 2")])
    whole, said = folder.merged(zero, cut)
    assert len(whole["traceEvents"]) == 5
    assert "cut.json' is cut off; its first 2 events were read" in said, said

    other = folder.write("other.json", timeline(1, origin_ns=5))
    _, said = folder.merged(zero, other)
    assert "different jobs" in said, said

    spread = folder.write("spread.json", json.dumps(json.loads(timeline(2)), indent=2))
    whole, _ = folder.merged(zero, one, spread)
    assert len(whole["traceEvents"]) == 9

    folder.refused("both of rank 0", zero, zero, out="twice.json")
    folder.refused("none.json", zero, os.path.join(folder.path, "none.json"), out="none_out.json")
    folder.refused("is no timeline", folder.write("text", "once upon a time"), out="text_out.json")
    folder.refused("is no timeline", folder.write("empty.json", '{"traceEvents":[]}'), out="x.json")
    folder.refused("cannot write", zero, out="missing/merged.json")
    folder.refused("is no timeline", folder.path, out="x.json")

    alone = subprocess.run([folder.info, "--merge-timelines", zero], capture_output=True, text=True)
    assert alone.returncode == 2 and "--output" in alone.stderr, alone
    shown = subprocess.run([folder.info, "--help"], capture_output=True, text=True)
    assert "--merge-timelines" in shown.stdout

    # In place: an input may be the output, which is replaced when all has been read.
    whole, _ = folder.merged(zero, one)
    inplace = folder.merge(zero, one, out="t.json")
    assert inplace.returncode == 0, inplace
    with open(zero) as file:
        assert json.load(file) == whole


def main():
    with tempfile.TemporaryDirectory() as path:
        check(Folder(sys.argv[1], path))
    print("ok")


if __name__ == "__main__":
    main()
