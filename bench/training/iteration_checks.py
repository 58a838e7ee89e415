"""What the study of the time per iteration promises, each with its goal and what was measured."""

PHASES_GOAL = 0.98
LAW_GOAL = 0.95
ONE_HOST_GOAL = 0.05
ONE_HOST_LOCAL_STEPS = 4


def check(name, goal, value, reached, is_timing=True):
    """One line of the result; `value` is text. What is not a matter of timing must always hold."""
    return {"check": name, "goal": goal, "value": value, "reached": reached,
            "is_timing": is_timing}


def check_phases(rows):
    least = min(row["sum_of_parts_share"] for row in rows)
    return check("the parts make up the epoch's time, worst epoch", f">= {PHASES_GOAL:.0%}",
                 f"{least:.2%}", PHASES_GOAL <= least <= 2 - PHASES_GOAL, is_timing=False)


def check_exact(rows, what, key, expected_key):
    wrong = [row for row in rows if row[key] != row[expected_key]]
    epochs = sum(len(row[key]) for row in rows)
    value = f"{epochs} epochs of {len(rows)} runs agree"
    if wrong:
        row = wrong[0]
        value = (f"{row['hosts']} x {row['ranks_per_host']} {row['algorithm']} "
                 f"H = {row['local_steps']}: expected {row[expected_key]}, got {row[key]}")
    return check(f"{what} equal the closed form in every epoch", "exactly", value, not wrong,
                 is_timing=False)


def check_laws(laws):
    """Where ranks talk through a network. On one host averages cost next to nothing: what R^2 says
    there is noise, and it is shown without a goal."""
    checks = []
    for law in laws:
        if law["r_squared"] is None or law["hosts"] == 1:
            continue
        name = (f"t(H) = a + b/H fits local SGD on {law['hosts']} hosts x "
                f"{law['ranks_per_host']}: R^2")
        checks.append(check(name, f">= {LAW_GOAL}", f"{law['r_squared']:.4f}",
                            law["r_squared"] >= LAW_GOAL))
    return checks


def check_one_host(rows):
    """Two ranks on one host against one rank, H = 4: real compute where there is any."""
    def find(ranks, compute):
        return next((row for row in rows if row["hosts"] == 1 and row["ranks_per_host"] == ranks
                     and row["algorithm"] == "local" and row["compute"] == compute
                     and row["local_steps"] == ONE_HOST_LOCAL_STEPS), None)

    checks = []
    for compute in sorted({row["compute"] for row in rows}):
        two, one = find(2, compute), find(1, compute)
        if two is None:
            continue
        value = f"{two['communication_share']:.1%}"
        if one is not None:
            ratio = two["seconds_per_iteration"] / one["seconds_per_iteration"]
            value += f"; an iteration takes {ratio:.3f} times as long as on one rank"
        checks.append(check(
            f"2 ranks on one host, H = {ONE_HOST_LOCAL_STEPS}, compute {compute}: share of "
            "exposed communication", f"<= {ONE_HOST_GOAL:.0%}", value,
            two["communication_share"] <= ONE_HOST_GOAL))
    return checks


def all_checks(rows, laws):
    return [check_phases(rows),
            check_exact(rows, "synchronisations", "synchronizations", "synchronizations_expected"),
            check_exact(rows, "bytes", "bytes_communicated", "bytes_expected"),
            *check_laws(laws), *check_one_host(rows)]
