#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON that scripts read from `sluice-bench churn` and `sluice-bench table`, and the figures that are not times.

usage: bench_output_test.py SLUICE_BENCH
"""
import json
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)


def bench(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=50)


def bench_json(*arguments):
    done = bench(*arguments, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Churn(unittest.TestCase):
    def test_shape_and_promise(self):
        runs = bench_json("churn", "--flows", "5000", "--histories", "1", "--slots", "16381")["runs"]
        for run in runs:
            self.assertEqual(set(run), {"scenario", "scheme", "k", "broken_percent"})
            self.assertEqual(run["k"] is None, run["scheme"] != "sluice", run)
            if run["scheme"] == "sluice" and run["k"] == 3 and not run["scenario"].startswith("limit_"):
                self.assertEqual(run["broken_percent"], 0, run)
        self.assertEqual({run["k"] for run in runs}, {None, 2, 3, 4})
        self.assertEqual(len({run["scenario"] for run in runs if run["scenario"].startswith("limit_")}), 5)
        self.assertTrue(any(run["scheme"] == "maglev" and run["broken_percent"] > 5 for run in runs))

    def test_one_scenario_and_scheme(self):
        chosen = ["--scenario", "add_1", "--scheme", "maglev", "--flows", "1000", "--slots", "16381"]
        runs = bench_json("churn", *chosen)["runs"]
        self.assertEqual([(run["scenario"], run["scheme"]) for run in runs], [("add_1", "maglev")])
        self.assertIn("add_1", bench("churn", *chosen).stdout)

    def test_the_number_of_threads_changes_nothing(self):
        chosen = ["churn", "--flows", "2000", "--slots", "16381", "--scheme", "sluice", "--histories", "2"]
        self.assertEqual(bench_json(*chosen, "--threads", "1"), bench_json(*chosen, "--threads", "3"))


class Table(unittest.TestCase):
    def test_shape_and_moves(self):
        report = bench_json("table", "--rounds", "3")
        self.assertGreater(report["fill_ms"], 0)
        self.assertGreater(report["step_ms"], 0)
        self.assertLess(report["share_error_slots"], 1)
        changes = [move["change"] for move in report["moves"]]
        self.assertEqual(changes, ["leaves", "returns", "weight_100_to_99", "weight_100_to_50", "joins"])
        for move in report["moves"]:
            self.assertEqual(move["moved"], move["minimum"], move)
            self.assertGreater(move["maglev_refill_moved"], move["moved"], move)

    def test_one_of_a_hundred_holds_a_hundredth(self):
        moves = {move["change"]: move["moved"] for move in bench_json("table", "--rounds", "1")["moves"]}
        self.assertIn(moves["leaves"], (655, 656))
        self.assertIn(moves["joins"], (648, 649))
        self.assertLessEqual(moves["weight_100_to_99"], 8)
        self.assertIn("Maglev refill", bench("table", "--rounds", "1").stdout)


class BadInput(unittest.TestCase):
    def test_refused(self):
        for arguments in (["churn", "--slots", "100"], ["churn", "--scheme", "x"], ["table", "-o", "xml"], [], ["x"]):
            done = bench(*arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertTrue(done.stderr, arguments)


if __name__ == "__main__":
    unittest.main()
