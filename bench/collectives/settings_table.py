"""Ronde beside Open MPI at the best of its settings: from the rows of ronde-bench to a table."""

import statistics

# What is shown: buffers of Ronde's, in place or not. Open MPI runs in ordinary memory, with the
# same in-place choice.
COLUMNS = (("registered", "in place"), ("registered", "out of place"),
           ("private", "out of place"))


def figures_of(row, place, figure):
    """(Ronde's, Open MPI's) microseconds of one JSON row."""
    peer = row["peers"]["mpi"]
    if place == "in place":
        return row["in_place"][figure], peer["in_place"][figure]
    return row[figure], peer[figure]


def collect(runs, figure):
    """{(ranks, size, buffers, place): {setting: [(ronde_us, mpi_us), ...]}}, one pair a repeat."""
    pairs = {}
    for run in runs:
        for row in run["rows"]:
            for buffers, place in COLUMNS:
                if row["buffers"] != buffers or "mpi" not in row["peers"]:
                    continue
                key = (row["ranks"], row["size_bytes"], buffers, place)
                pairs.setdefault(key, {}).setdefault(run["setting"], []).append(
                    figures_of(row, place, figure))
    return pairs


def best(by_setting):
    """The setting in which Open MPI's median time is least, and what Ronde did beside it.

    The ratio is the median over repeats of Open MPI's time / Ronde's time in that same run.
    """
    medians = {setting: statistics.median(mpi for _, mpi in pairs)
               for setting, pairs in by_setting.items()}
    setting = min(medians, key=medians.get)
    ratios = [mpi / ronde for ronde, mpi in by_setting[setting]]
    return {"ronde_us": statistics.median(ronde for ronde, _ in by_setting[setting]),
            "setting": setting, "mpi_us": medians[setting],
            "ratio": statistics.median(ratios), "ratios": sorted(ratios),
            "settings_us": medians}


def summarize(runs, figure):
    """One entry a size, buffers and place, in the order of the table."""
    return [{"ranks": ranks, "size_bytes": size, "buffers": buffers, "place": place, **best(found)}
            for (ranks, size, buffers, place), found in sorted(collect(runs, figure).items())]


def size_text(size):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def _time_text(microseconds):
    return f"{microseconds:.0f}" if microseconds >= 1000 else f"{microseconds:.3g}"


def markdown(summary):
    """A table per number of ranks: Ronde's us, the best setting with its us, the ratio."""
    lines = []
    for ranks in sorted({entry["ranks"] for entry in summary}):
        shown = [column for column in COLUMNS
                 if any((e["buffers"], e["place"]) == column and e["ranks"] == ranks
                        for e in summary)]
        heads = [f"{buffers}, {place}: us | best setting, us | ratio" for buffers, place in shown]
        lines += [f"{ranks} ranks", "", f"| size | {' | '.join(heads)} |",
                  "|---:|" + "---:|---|---:|" * len(shown)]
        for size in sorted({e["size_bytes"] for e in summary if e["ranks"] == ranks}):
            cells = [_cell(summary, ranks, size, column) for column in shown]
            lines.append(f"| {size_text(size)} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _cell(summary, ranks, size, column):
    for e in summary:
        if (e["ranks"], e["size_bytes"], (e["buffers"], e["place"])) == (ranks, size, column):
            return (f"{_time_text(e['ronde_us'])} | {e['setting']} {_time_text(e['mpi_us'])} "
                    f"| {e['ratio']:.2f}x")
    return "- | - | -"
