#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests the rule by which branches are counted, and that docs/coverage.md speaks of this tree.

    rule_test.py [SAMPLE]     SAMPLE is the program of sample.c, from a build that counts
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import branches
import page

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLE = sys.argv.pop() if len(sys.argv) > 1 and os.path.isfile(sys.argv[-1]) else None


def sample_files():
    """Runs the sample and reads what it counted."""
    with tempfile.TemporaryDirectory() as folder:
        raw, merged = os.path.join(folder, "raw"), os.path.join(folder, "merged")
        subprocess.run([SAMPLE], check=True, env=dict(os.environ, LLVM_PROFILE_FILE=raw))
        subprocess.run(["llvm-profdata", "merge", "-o", merged, raw], check=True)
        told = subprocess.run(["llvm-cov", "export", "-instr-profile", merged, SAMPLE],
                              check=True, stdout=subprocess.PIPE)
    return branches.read(json.loads(told.stdout), ROOT, ("tests", "include", "runtime"))


@unittest.skipUnless(SAMPLE, "needs a build that counts: ./run coverage")
class Rule(unittest.TestCase):
    """What sample.c's branches are."""

    def setUp(self):
        self.files = sample_files()

    def sides(self, name):
        return [(condition.text, condition.missing())
                for condition in self.files[name].conditions]

    def test_conditions_cases_and_macros_count_but_assertions_and_tables_do_not(self):
        self.assertEqual(self.sides("tests/coverage/sample.c"), [
            ("count > 0", ["true", "false"]),
            ("default", ["true"]),
            ("first > 0", ["false"]),
            ("second < 9", ["false"]),
            ("case 1", []),
            ("SMALLER(first, second)", ["false"]),
            ("default", []),
            ("case FIRST", ["false"]),
            ("case SECOND", ["true"]),
            ("sum == 2", ["false"]),
            ("named(0)[0] != '\\0'", ["false"]),
        ])

    def test_copies_of_an_inline_function_count_once(self):
        self.assertEqual(self.sides("tests/coverage/sample.h"), [("number % 2 == 0", [])])

    def test_tables_have_no_branches(self):
        self.assertEqual([name for name in self.files if name.endswith(".def")
                          and self.files[name].conditions], [])


class Explained(unittest.TestCase):
    """docs/coverage.md."""

    def test_a_row_explains_the_sides_it_names(self):
        explained = page.Page(page.parse(
            "| `a.c` | `f` | `x \\|\\| y` | true | why not |\n| `a.c` | `f` | `z` | both | so |\n"))
        first = branches.Condition("a.c", "f", 1, 1, "x || y", 0, 5)
        second = branches.Condition("a.c", "f", 2, 1, "z", 0, 0)
        self.assertEqual(explained.why(first, "true"), "why not")
        self.assertIsNone(explained.why(first, "false"))
        self.assertEqual(explained.why(second, "false"), "so")

    @unittest.skipUnless(SAMPLE, "asked by ./run coverage")
    def test_every_row_names_a_condition_of_the_tree(self):
        rows = page.read(ROOT).rows
        for row in rows:
            with self.subTest(row=row):
                with open(os.path.join(ROOT, row.file), encoding="utf-8") as opened:
                    text = re.sub(r"\s+", " ", opened.read())
                self.assertIn(row.function + "(", text)
                self.assertIn(row.condition, text)

    def test_every_line_of_a_table_is_understood(self):
        path = os.path.join(ROOT, page.NAME)
        with open(path, encoding="utf-8") as opened:
            lines = opened.read().split("\n")
        understood = {row.number for row in page.read(ROOT).rows}
        for number, line in enumerate(lines, start=1):
            if line.startswith("| `"):
                self.assertIn(number, understood, f"{path}:{number}: {line}")


if __name__ == "__main__":
    unittest.main()
