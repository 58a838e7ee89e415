"""The text of the study of the time per iteration: table, laws and checks."""

import contextlib
import io

from iteration_study import PARTS
from measurement import print_table


def table(rows):
    """Heading and rows, milliseconds per iteration."""
    head = ["hosts x ranks, compute", "algorithm", "ms/iteration", *PARTS, "share",
            "averages/epoch", "MB/iteration"]
    lines = []
    for row in rows:
        method = ("minibatch" if row["algorithm"] == "minibatch"
                  else f"local H = {row['local_steps']}")
        averages, sent = row["synchronizations"][-1], row["bytes_communicated"][-1]
        lines.append([f"{row['hosts']} x {row['ranks_per_host']}, {row['compute']}", method,
                      f"{1e3 * row['seconds_per_iteration']:.2f}",
                      *(f"{1e3 * row['parts_seconds'][part]:.2f}" for part in PARTS),
                      f"{row['communication_share']:.1%}", str(averages),
                      f"{1e-6 * sent / row['iterations']:.2f}"])
    return head, lines


def print_laws(found):
    print_table(["t(H) = a + b/H, ms per iteration", "K", "a", "b", "R^2"],
                [[f"{law['hosts']} x {law['ranks_per_host']}, {law['compute']}",
                  str(law["workers"]), f"{1e3 * law['a_seconds']:.2f}",
                  f"{1e3 * law['b_seconds']:.2f}",
                  "-" if law["r_squared"] is None else f"{law['r_squared']:.4f}"]
                 for law in found])


def text_of(result):
    """Table, laws and checks."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print_table(*table(result["runs"]))
        print()
        print_laws(result["laws"])
        print()
        for check in result["checks"]:
            print(f"{'reached' if check['reached'] else 'MISSED '}  {check['check']}: "
                  f"{check['value']} (goal {check['goal']})")
    return text.getvalue()
