"""plot_training.py LOG.jsonl IMAGE: loss and accuracy per epoch of a ronde-train log."""

import json
import sys


def read_log(path):
    """Returns the config object and the epoch objects of a log."""
    with open(path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file if line.strip()]
    config = next((e for e in events if e["event"] == "config"), {})
    return config, [e for e in events if e["event"] == "epoch"]


def series(epochs, key, scale=1.0):
    """The (epoch, value) pairs of `key` where it was taken."""
    taken = [(e["epoch"], scale * e[key]) for e in epochs if e.get(key) is not None]
    return [x for x, _ in taken], [y for _, y in taken]


def shade_phases(axes, epochs):
    """Shades each phase and marks where one turns into the next."""
    colors = {"minibatch": "#4c78a8", "local": "#f58518"}
    start = 0
    for i, epoch in enumerate(epochs):
        last = i + 1 == len(epochs)
        if not last and epochs[i + 1]["phase"] == epoch["phase"]:
            continue
        label = f"{epoch['phase']} (H = {epoch['local_steps']})" if epoch["phase"] == "local" else epoch["phase"]
        axes.axvspan(start + 0.5, epoch["epoch"] + 0.5, alpha=0.10, label=label,
                     color=colors.get(epoch["phase"], "grey"), linewidth=0)
        if not last:
            axes.axvline(epoch["epoch"] + 0.5, color="black", linewidth=1, linestyle=":")
        start = epoch["epoch"]


def draw(config, epochs, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for axes, name, scale in ((panels[0], "loss", 1.0), (panels[1], "top1", 100.0)):
        shade_phases(axes, epochs)
        axes.plot(*series(epochs, "train_" + name, scale), marker="o", markersize=3, color="#666666",
                  label="training")
        axes.plot(*series(epochs, "validation_" + name, scale), marker="o", markersize=3,
                  color="#b2182b", label="validation (averaged model)")
        axes.set_xlabel("epoch")
        axes.set_xlim(0.5, epochs[-1]["epoch"] + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    panels[0].set_ylabel("loss")
    panels[1].set_ylabel("top-1 accuracy (%)")
    figure.suptitle(f"{config.get('model')} on {config.get('dataset')}, "
                    f"{config.get('algorithm')}, {config.get('workers')} workers")
    figure.savefig(path, dpi=120)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    config, epochs = read_log(sys.argv[1])
    if not epochs:
        sys.exit(f"{sys.argv[1]}: no epochs to plot")
    try:
        draw(config, epochs, sys.argv[2])
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"plot_training.py: {error}")


if __name__ == "__main__":
    main()
