#!/usr/bin/env python3
"""The scripts around ronde-bench: tables of settings, and comparisons with baselines."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench" / "collectives"))
import baseline  # noqa: E402
import best_of_settings  # noqa: E402
import compare  # noqa: E402
import settings_table  # noqa: E402
from open_mpi_settings import SETTINGS  # noqa: E402


def row(ronde, mpi, size=1024, buffers="registered", collective="allreduce"):
    """A row as ronde-bench writes it; in place everything takes half the time."""
    def figures(time_us):
        return {"p50_us": time_us, "time_us": time_us,
                "in_place": {"p50_us": time_us / 2, "time_us": time_us / 2}}
    return {"collective": collective, "size_bytes": size, "count": size // 4, "dtype": "float32",
            "op": "sum", "ranks": 2, "buffers": buffers, "path": "direct", **figures(ronde),
            "peers": {"mpi": figures(mpi)}}


def run(setting, *rows):
    return {"setting": setting, "rows": list(rows)}


class SettingsTable(unittest.TestCase):
    def test_the_best_setting_is_the_one_with_the_least_median_time(self):
        runs = [run("default", row(10, mpi)) for mpi in (30, 31, 32)]
        runs += [run("ring", row(10, mpi)) for mpi in (1, 40, 41)]  # one lucky run is not enough
        first = settings_table.summarize(runs, "p50_us")[0]
        self.assertEqual(first["setting"], "default")

    def test_a_ratio_is_taken_within_a_run_and_then_the_median(self):
        runs = [run("default", row(10, 20)), run("default", row(40, 120)),
                run("default", row(20, 100))]
        found = {entry["place"]: entry for entry in settings_table.summarize(runs, "p50_us")}
        out = found["out of place"]
        self.assertEqual(out["ratios"], [2, 3, 5])
        self.assertEqual(out["ratio"], 3)
        self.assertEqual(out["ronde_us"], 20)
        self.assertEqual(out["mpi_us"], 100)
        self.assertEqual(found["in place"]["mpi_us"], 50)

    def test_the_figure_can_be_chosen(self):
        measured = row(10, 20)
        measured["time_us"] = 5
        entry = settings_table.summarize([run("default", measured)], "time_us")[-1]
        self.assertEqual(entry["ratio"], 4)

    def test_the_table_has_a_line_per_size_and_a_dash_for_what_was_not_run(self):
        runs = [run("default", row(10, 20), row(10, 30, size=1 << 20)),
                run("default", row(4, 20, buffers="private"))]
        table = settings_table.markdown(settings_table.summarize(runs, "p50_us"))
        self.assertIn("| 1 KiB | 5 | default 10 | 2.00x | 10 | default 20 | 2.00x "
                      "| 4 | default 20 | 5.00x |", table)
        self.assertIn("| 1 MiB | 5 | default 15 | 3.00x | 10 | default 30 | 3.00x | - | - | - |",
                      table)

    def test_private_memory_in_place_is_no_column(self):
        summary = settings_table.summarize([run("default", row(1, 2, buffers="private"))], "p50_us")
        self.assertEqual([entry["place"] for entry in summary], ["out of place"])


class BestOfSettings(unittest.TestCase):
    def options(self, folder, *more):
        return ["--folder", folder, "--np", "2", "--bands", "small", "--buffers", "registered",
                "--settings", "default,ring", "--repeats", "1", *more]

    def record(self, folder, *more):
        """Recorded runs in place of real ones."""
        options = best_of_settings.parse_arguments(self.options(folder, *more))
        for planned in best_of_settings.plan(options):
            path = Path(folder) / f"{planned['name']}.json"
            mpi = 20 if planned["setting"] == "ring" else 30
            path.write_text(json.dumps(
                {**planned, "command": best_of_settings.command_of(planned, options),
                 "rows": [row(10, mpi)]}))

    def test_runs_that_are_there_are_not_made_again(self):
        with tempfile.TemporaryDirectory() as folder:
            self.record(folder)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                best_of_settings.main(self.options(
                    folder, "--bin-dir", "/nowhere", "--json", f"{folder}/summary"))
            self.assertIn("ring 20 | 2.00x", out.getvalue())
            summary = json.loads(Path(folder, "summary").read_text())
            self.assertEqual(summary["rows"][0]["settings_us"], {"default": 15, "ring": 10})

    def test_a_folder_of_other_runs_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            self.record(folder)
            with self.assertRaisesRegex(best_of_settings.BenchError, "another command"):
                best_of_settings.main(self.options(folder, "--", "--consume"))

    def test_a_missing_program_is_said(self):
        with tempfile.TemporaryDirectory() as folder, \
                contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaisesRegex(best_of_settings.BenchError, "no such program"):
            best_of_settings.main(self.options(folder, "--bin-dir", "/nowhere"))

    def test_every_setting_is_only_environment(self):
        for name, environment in SETTINGS.items():
            for variable, value in environment.items():
                self.assertRegex(variable, "^(OMPI_MCA_|MALLOC_|GLIBC_)", name)
                self.assertIsInstance(value, str)


class Compare(unittest.TestCase):
    def compare(self, old, new, *more):
        """(exit code, output) of two files with these rows."""
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, rows in (("old", old), ("new", new)):
                paths.append(Path(folder, name))
                paths[-1].write_text("".join(json.dumps(one) + "\n" for one in rows))
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = compare.main([*map(str, paths), *more])
            return code, out.getvalue()

    def test_equal_runs_are_fine(self):
        code, out = self.compare([row(10, 1)], [row(11, 1)])
        self.assertEqual((code, out), (0, "2 rows compared: 0 slower than 40% allows\n"))

    def test_a_slower_median_warns_and_fails(self):
        code, out = self.compare([row(10, 1)], [row(15, 1)])
        self.assertEqual(code, 1)
        self.assertIn("SLOWER allreduce np 2 1024 B float32 sum direct registered out of place: "
                      "10.00 -> 15.00 us (1.50x)", out)

    def test_the_tolerance_is_the_callers(self):
        self.assertEqual(self.compare([row(10, 1)], [row(15, 1)], "--tolerance", "0.6")[0], 0)
        self.assertEqual(self.compare([row(10, 1)], [row(11, 1)], "--tolerance", "0.05")[0], 1)

    def test_a_faster_one_is_named_but_no_failure(self):
        code, out = self.compare([row(10, 1)], [row(5, 1)])
        self.assertEqual(code, 0)
        self.assertIn("faster", out)

    def test_several_rows_of_one_key_count_as_their_median(self):
        self.assertEqual(self.compare([row(10, 1)], [row(9, 1), row(11, 1), row(99, 1)])[0], 0)

    def test_nothing_in_common_is_an_error(self):
        with self.assertRaisesRegex(baseline.BenchError, "no row in common"):
            self.compare([row(10, 1)], [row(10, 1, size=4)])

    def test_a_file_of_something_else_is_an_error(self):
        with self.assertRaisesRegex(baseline.BenchError, "not a file of"):
            self.compare([{"collective": "allreduce"}], [row(10, 1)])

    def test_a_collective_without_an_in_place_form_is_one_row(self):
        exchange = row(10, 1, collective="alltoall")
        exchange["in_place"] = None
        self.assertIn("1 rows compared", self.compare([exchange], [exchange])[1])


class Baselines(unittest.TestCase):
    def test_a_saved_baseline_reads_back_as_medians(self):
        rows = baseline.split_places([row(10, 1), row(12, 1), row(90, 1)])
        with tempfile.TemporaryDirectory() as folder:
            path = baseline.write_baseline("Some CPU, 2 cores", rows, folder)
            self.assertEqual(path.name, "some-cpu-2-cores.json")
            self.assertEqual(sorted(baseline.medians(baseline.read_rows(path)).values()), [6, 12])

    def test_the_key_names_hardware_and_no_host(self):
        info = {"machine": "Some CPU, 2 cores",
                "topology": {"host_name": "secret", "memory_bytes": 25276510208}}
        self.assertEqual(baseline.machine_key(info), "Some CPU, 2 cores, memory 24 GiB")


if __name__ == "__main__":
    unittest.main()
