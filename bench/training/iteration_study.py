"""What the study of the time per iteration runs, and what must hold for each of its runs."""

import statistics
from dataclasses import dataclass

PARTS = ["data", "forward", "backward", "optimizer", "communication"]
BYTES_PER_PARAMETER = 4
WARM_UP_EPOCHS = 1


@dataclass(frozen=True)
class Configuration:
    """One run: so many hosts with so many ranks each, a worker per rank."""
    hosts: int
    ranks_per_host: int
    algorithm: str  # "minibatch" or "local"
    local_steps: int  # H; 1 for minibatch
    stands_in: bool  # compute is a stand-in

    @property
    def workers(self):
        return self.hosts * self.ranks_per_host

    @property
    def layout(self):
        hosts = f"{self.hosts} host{'s' if self.hosts > 1 else ''}"
        return f"{hosts} x {self.ranks_per_host} rank{'s' if self.ranks_per_host > 1 else ''}"

    @property
    def method(self):
        return "minibatch" if self.algorithm == "minibatch" else f"local H = {self.local_steps}"

    @property
    def compute(self):
        return "stand-in" if self.stands_in else "real"

    @property
    def name(self):
        return (f"{self.compute}-{self.hosts}x{self.ranks_per_host}-{self.algorithm}"
                f"-{self.local_steps}")

    def __str__(self):
        return f"{self.layout}, {self.method}, {self.compute} compute"


def plan(hosts, ranks_per_host, local_steps, real, stand_in):
    """All runs: real compute on one host first, whose time the stand-in takes over."""
    groups = [([1], False)] if real else []
    if stand_in:
        groups.append((hosts, True))
    return [Configuration(count, ranks, algorithm, steps, stands_in)
            for counts, stands_in in groups for ranks in ranks_per_host for count in counts
            for algorithm, steps in [("minibatch", 1), *(("local", h) for h in local_steps)]]


def synchronizations(configuration, epoch, steps):
    """The closed form: minibatch averages at every step, local at every step t with t mod H = 0."""
    if configuration.algorithm == "minibatch":
        return steps
    local_steps = configuration.local_steps
    return epoch * steps // local_steps - (epoch - 1) * steps // local_steps


def measured(configuration, config, epochs):
    """The figures of a finished run from the events of its log, as JSON has them.

    Times are rank 0's, and those of one epoch, so that its parts add up: the one with the median
    time of all but the first, which warms up. A burst of other load on the machine falls out.
    """
    timed = epochs[WARM_UP_EPOCHS:]
    chosen = sorted(timed, key=lambda epoch: epoch["seconds"])[(len(timed) - 1) // 2]

    def per_iteration(key):
        return chosen[key] / chosen["steps"]

    expected = [synchronizations(configuration, e["epoch"], e["steps"]) for e in epochs]
    bytes_each = BYTES_PER_PARAMETER * config["parameters"]
    seconds = per_iteration("seconds")
    parts = {part: per_iteration("seconds_" + part) for part in PARTS}
    return {
        "hosts": configuration.hosts, "ranks_per_host": configuration.ranks_per_host,
        "workers": configuration.workers, "algorithm": configuration.algorithm,
        "local_steps": configuration.local_steps, "compute": config["compute"],
        "iterations": chosen["steps"], "seconds_per_iteration": seconds,
        "seconds_per_iteration_by_epoch": [e["seconds"] / e["steps"] for e in timed],
        "parts_seconds": parts,
        "communication_share": parts["communication"] / seconds,
        "communication_seconds_with_overlap": per_iteration("seconds_communication_total"),
        "sum_of_parts_share": min(sum(e["seconds_" + part] for part in PARTS) / e["seconds"]
                                  for e in epochs),
        "synchronizations": [e["synchronizations"] for e in epochs],
        "synchronizations_expected": expected,
        "bytes_communicated": [e["bytes_communicated"] for e in epochs],
        "bytes_expected": [count * bytes_each for count in expected],
        "bytes_on_wire_per_iteration": per_iteration("bytes_on_wire"),
    }


def fit_law(points):
    """Least squares t = a + b/H over (H, t); a and b in the unit of t, and R^2.

    R^2 is None where all times are equal or there are fewer than three points.
    """
    inverse = [1 / local_steps for local_steps, _ in points]
    times = [time for _, time in points]
    if len(points) < 3 or max(times) == min(times):
        return {"a": statistics.fmean(times), "b": 0.0, "r_squared": None}
    slope, intercept = statistics.linear_regression(inverse, times)
    return {"a": intercept, "b": slope,
            "r_squared": statistics.correlation(inverse, times) ** 2}


def laws(rows):
    """The law of each layout and kind of compute, over the runs of local SGD."""
    groups = {}
    for row in rows:
        if row["algorithm"] == "local":
            key = (row["hosts"], row["ranks_per_host"], row["compute"])
            groups.setdefault(key, []).append((row["local_steps"], row["seconds_per_iteration"]))
    found = []
    for (hosts, ranks, compute), points in groups.items():
        law = fit_law(points)
        found.append({"hosts": hosts, "ranks_per_host": ranks, "workers": hosts * ranks,
                      "compute": compute, "a_seconds": law["a"], "b_seconds": law["b"],
                      "r_squared": law["r_squared"]})
    return found
