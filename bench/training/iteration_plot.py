"""The figure of the study of the time per iteration: stacked bars, a panel per layout."""

from iteration_study import PARTS

# Okabe and Ito's colours, which the colour-blind tell apart; communication is hatched as well.
COLORS = {"data": "#999999", "forward": "#56b4e9", "backward": "#0072b2", "optimizer": "#009e73",
          "communication": "#d55e00"}
LABELS = {"communication": "exposed communication"}
BAR_WIDTH = 0.72


def draw(result, path):
    """Writes a PNG. Errors: ImportError where this Python has no matplotlib, OSError."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = result["runs"]
    grid = panels(rows)
    height, width = len(grid), max(len(line) for line in grid)
    figure, axes = plt.subplots(height, width, figsize=(1.2 + 2.7 * width, 1.6 + 2.6 * height),
                                sharey=True, squeeze=False, layout="constrained")
    top = 1.16e3 * max(row["seconds_per_iteration"] for row in rows)
    for line, row_of_axes in zip(grid, axes):
        for index, one in enumerate(row_of_axes):
            if index < len(line):
                draw_panel(one, line[index], rows, result["laws"])
                one.set_ylim(0, top)
            else:
                one.set_axis_off()
        row_of_axes[0].set_ylabel("ms per iteration")
    handles, labels = axes[0][0].get_legend_handles_labels()
    law = next((one.get_legend_handles_labels() for line in axes for one in line
                if len(one.get_legend_handles_labels()[1]) > len(PARTS)), (handles, labels))
    figure.legend(*law, loc="outside lower center", ncols=len(law[1]), fontsize=8, frameon=False)
    figure.suptitle("\n".join(title(result)), fontsize=10)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def panels(rows):
    """Rows of panels by ranks per host; in each, real compute first, then by number of hosts."""
    keys = {(row["ranks_per_host"], row["compute"] != "real", row["hosts"], row["compute"])
            for row in rows}
    return [[key for key in sorted(keys) if key[0] == ranks] for ranks in
            sorted({key[0] for key in keys})]


def draw_panel(axes, key, rows, laws):
    ranks, _, hosts, compute = key
    chosen = [row for row in rows
              if (row["ranks_per_host"], row["hosts"], row["compute"]) == (ranks, hosts, compute)]
    names = ["mini-\nbatch" if row["algorithm"] == "minibatch" else str(row["local_steps"])
             for row in chosen]
    bottom = [0.0] * len(chosen)
    for part in PARTS:
        heights = [1e3 * row["parts_seconds"][part] for row in chosen]
        axes.bar(range(len(chosen)), heights, BAR_WIDTH, bottom=bottom, color=COLORS[part],
                 label=LABELS.get(part, part), edgecolor="white", linewidth=0.4,
                 hatch="///" if part == "communication" else None)
        bottom = [low + high for low, high in zip(bottom, heights)]
    for index, row in enumerate(chosen):
        axes.annotate(f"{row['communication_share']:.0%}", (index, bottom[index]), (0, 3),
                      textcoords="offset points", ha="center", fontsize=7)
    draw_law(axes, chosen, next((law for law in laws if (law["ranks_per_host"], law["hosts"],
                                                         law["compute"]) ==
                                 (ranks, hosts, compute)), None))
    axes.set_xticks(range(len(chosen)), names, fontsize=8)
    axes.set_xlabel("H of local SGD", fontsize=8, loc="right", labelpad=1)
    axes.set_title(f"{hosts} host{'s' if hosts > 1 else ''} x {ranks} "
                   f"rank{'s' if ranks > 1 else ''}, "
                   f"{'real compute' if compute == 'real' else 'stand-in'}", fontsize=9)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def draw_law(axes, chosen, law):
    """Black marks where a + b/H says the bars of local SGD end."""
    if law is None or law["r_squared"] is None or law["hosts"] == 1:
        return
    points = [(index, 1e3 * (law["a_seconds"] + law["b_seconds"] / row["local_steps"]))
              for index, row in enumerate(chosen) if row["algorithm"] == "local"]
    axes.plot(*zip(*points), linestyle="none", marker="_", markersize=19, markeredgewidth=1.6,
              color="black", label="a + b/H, fitted")
    axes.annotate(f"{1e3 * law['a_seconds']:.1f} + {1e3 * law['b_seconds']:.1f}/H ms\n"
                  f"R² = {law['r_squared']:.4f}", (0.98, 0.98), xycoords="axes fraction",
                  ha="right", va="top", fontsize=7)


def title(result):
    """What was timed, how compute was done and over which links."""
    model = result["model"]
    computes = sorted({row["compute"] for row in result["runs"]})
    stand_in = next((compute for compute in computes if compute != "real"), None)
    lines = [f"Time per iteration: {model['name']}, {1e-6 * model['parameters']:.2f} M parameters "
             f"({1e-6 * model['bytes_per_average']:.1f} MB per average), "
             f"batch {model['batch_size']} per worker, one worker per rank"]
    compute = "real compute"
    if stand_in:
        compute = f"stand-in: {stand_in.removeprefix('stand-in ')} of sleep in place of forward " \
                  "and backward pass"
    network = result["network"]
    if network:
        delay = "" if network["delay"] == "none" else f", delay {network['delay']},"
        compute += f"; links of {network['rate'].replace('gbit', ' Gb/s')}{delay} between hosts"
    return [*lines, compute, "above each bar: share of exposed communication"]
