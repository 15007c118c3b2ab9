#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`sluice-bench report` as a process: what the other commands write becomes a page; bad input leaves nothing behind.

usage: report_command_test.py SLUICE_BENCH
"""
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)

KERNEL_CASE = {"raw_ns": 53, "raw_median_ns": 54, "floor_ns": 32, "net_ns": 21, "ratio": 1, "over_blind_ns": 0}
XDP = {"cases": [{"name": "blind_encap", **KERNEL_CASE}, {"name": "tcp4_stateless_1", **KERNEL_CASE}]}


def bench(*arguments, **more):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=50, check=False, **more)


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text if isinstance(text, str) else json.dumps(text))
        return path

    def place(self, name):
        return os.path.join(self.folder, name)

    def page(self, *results):
        done = bench("report", "-o", self.place("page.html"), *results)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with open(self.place("page.html"), encoding="utf-8") as page:
            return page.read()

    def refused(self, *arguments, **more):
        before = sorted(os.listdir(self.folder))
        done = bench("report", *arguments, **more)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        return done.stderr

    def test_what_the_commands_write(self):
        table = self.file("table.json", bench("table", "--rounds", "1", "--slots", "16381", "-o", "json").stdout)
        churn = self.file("churn.json", bench("churn", "--flows", "1000", "--slots", "16381", "--histories", "1",
                                              "-o", "json").stdout)
        page = self.page(table, churn, self.file("xdp.json", XDP))
        for name in ("weight_100_to_99", "limit_turnover_20", "rolling_crash_restart_5_balancer_lost",
                     "tcp4_stateless_1", "sluice k=4", "<strong>churn</strong>"):
            self.assertIn(name, page)
        self.assertEqual(page, bench("report", table, churn, self.place("xdp.json")).stdout)
        self.assertEqual(sorted(os.listdir(self.folder)), ["churn.json", "page.html", "table.json", "xdp.json"])

    def test_names_tell_the_files_apart(self):
        a, b = self.file("a/xdp.json", XDP), self.file("b/xdp.json", XDP)
        page = self.page(a, b, b)
        for name in (a, f"{b} #2", f"{b} #3"):
            self.assertIn(f"<strong>{name}</strong>", page)
        self.assertIn("<strong>xdp</strong>", self.page(a))

    def test_one_bad_file_and_nothing_is_written(self):
        good = self.file("good.json", XDP)
        page = self.place("page.html")
        bad = {"table.txt": "CASE   RAW ns\n", "empty.json": {"cases": []}, "other.json": {"x": 1},
               "negative.json": {"cases": [{"name": "a", **KERNEL_CASE, "raw_ns": -1}]}, "nothing.json": ""}
        for name, content in bad.items():
            path = self.file(name, content)
            for arguments in ((path,), (good, path), ("-o", page, path, good)):
                self.assertTrue(self.refused(*arguments).startswith(path + ": "), path)
        missing = self.place("missing.json")
        self.assertIn(f"{missing}: cannot be read: no such file", self.refused("-o", page, good, missing))
        self.assertIn("is a folder", self.refused("-o", page, self.folder))
        large = self.file("large.json", " " * (5 << 20))
        self.assertIn("larger than 4 MiB", self.refused("-o", page, large))
        self.assertIn("8 of a kind are allowed", self.refused("-o", page, *[good] * 9))

    def test_a_page_that_cannot_be_written(self):
        good = self.file("good.json", XDP)
        self.assertIn("cannot be written: No such file or directory",
                      self.refused("-o", self.place("no/page.html"), good))
        self.assertIn("is not a regular file", self.refused("-o", self.folder, good))
        os.mkfifo(self.place("pipe"))
        self.assertIn("is not a regular file", self.refused("-o", self.place("pipe"), good))
        self.assertFalse(os.path.isfile(self.place("pipe")))
        self.assertIn("is one of the results", self.refused("-o", good, good))
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([PROGRAM, "report", good], stdout=full, stderr=subprocess.PIPE, timeout=50, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"standard output: cannot be written", done.stderr)

    def test_an_old_page_stays_until_the_new_one_is_whole(self):
        page, good = self.file("page.html", "old"), self.file("good.json", XDP)
        self.refused("-o", page, self.file("bad.json", "{"))
        with open(page, encoding="utf-8") as old:
            self.assertEqual(old.read(), "old")
        os.symlink(page, self.place("link.html"))
        self.assertEqual(bench("report", "-o", self.place("link.html"), good).returncode, 0)
        self.assertTrue(os.path.islink(self.place("link.html")))
        with open(page, encoding="utf-8") as new:
            self.assertIn("</html>", new.read())

    def test_a_full_disk_leaves_nothing_behind(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        good = self.file("good.json", XDP)
        self.assertIn("cannot be written: File too large",
                      self.refused("-o", self.place("page.html"), good, preexec_fn=small_files))

    def test_help(self):
        done = bench("report", "--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("PAGE.html", done.stdout)
        self.assertNotEqual(bench("report").returncode, 0)


if __name__ == "__main__":
    unittest.main()
