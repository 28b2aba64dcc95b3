#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns on each known mistake in turn and sees to it that the simulator, or a test, complains.

    stress/mutants/run.py --build build/mutants [--jobs N] [--seeds N] [NAME...]

Prints a table; exit status 0 when every mistake was seen, 1 when one was not.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PRODUCT = ("runtime", "protocol", "actors", "broker")
SWITCH = re.compile(r"\bRT_(?:IF_|UNLESS_)?MUTANT\((\w+)")
SEEDS = 10000
SECONDS_MAX = 600
TEST_SECONDS_MAX = 60  # a mutant may make a test run for ever: that is seen, too


class Mutant:
    """One row of mutants.def, and what came of it."""

    def __init__(self, row):
        self.name, self.source, self.breaks, self.seen_by = row
        self.seen = False
        self.after = ""
        self.said = ""
        self.seconds = 0.0

    def line(self):
        """Its row of the table."""
        verdict = "seen" if self.seen else "NOT SEEN"
        return (f"{verdict:8} {self.name:25} {self.source:8} {self.seen_by:24} {self.after:>11} "
                f"{self.seconds:6.1f} s  {self.breaks}: {self.said}")


def run(command, mutant, seconds=SECONDS_MAX):
    """(exit status, what was printed) of a program with a mutant on; an endless one is ended."""
    environment = dict(os.environ, SLUICE_MUTANT=mutant)
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"it did not end within {seconds} s"
    return done.returncode, done.stdout


def table(simulator):
    """The rows of mutants.def, as they were compiled."""
    _, listed = run([simulator], "list")
    return [Mutant(line.split("\t")) for line in listed.splitlines()]


def names_in_source():
    """Every name for which a switch stands in the product."""
    found = set()
    for folder in PRODUCT:
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".c", ".h")):
                    with open(os.path.join(path, name), encoding="utf-8") as source:
                        found |= set(SWITCH.findall(source.read()))
    return found - {"name"}


def first_complaint(printed):
    """What the checker, an assertion or a test said first, for the last column."""
    for line in printed.splitlines():
        line = line.strip()
        if re.search(r"assertion failed|^record \d|FAIL|expected|failed:", line):
            break
    else:
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        line = lines[0] if lines else "it crashed"
    return re.sub(r"^\S*/(?=[^/]*\.[ch]:)", "", line)[:100]


def judge_by_simulator(mutant, simulator, seeds):
    """Seeds from 1 on, until one fails."""
    command = [simulator, "--patience", "8", "--seeds", f"1..{seeds}"]
    if mutant.seen_by != "sim":
        command += ["--profile", mutant.seen_by.split()[1]]
    status, printed = run(command, mutant.name)
    failed = re.search(r"seed (\d+) failed", printed)
    mutant.seen = status != 0 and failed is not None
    mutant.after = f"{failed.group(1)} seeds" if failed else f"{seeds} seeds"
    mutant.said = first_complaint(printed) if mutant.seen else ""


def judge_by_test(mutant, command):
    """The program passes as it is, and fails with the mutant on."""
    status, printed = run(command, "")
    if status != 0:
        mutant.said = "fails without it, too: " + first_complaint(printed)
        return
    status, printed = run(command, mutant.name, TEST_SECONDS_MAX)
    mutant.seen = status != 0
    mutant.said = first_complaint(printed) if mutant.seen else ""


def commands_of_tests(build):
    """{name: command} of what ctest knows."""
    listed = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, stdout=subprocess.PIPE,
                            text=True, check=True).stdout
    return {test["name"]: test.get("command", []) for test in json.loads(listed)["tests"]}


def judge(mutant, arguments, commands):
    """Tries one mutant and prints its row."""
    begun = time.monotonic()
    if mutant.seen_by.split()[0] == "sim":
        judge_by_simulator(mutant, arguments.simulator, arguments.seeds)
    elif mutant.seen_by in commands:
        judge_by_test(mutant, commands[mutant.seen_by])
    else:
        mutant.said = f"there is no test {mutant.seen_by}"
    mutant.seconds = time.monotonic() - begun
    print(mutant.line(), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Shows that the checks see known mistakes.")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "mutants"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, default=SEEDS, help="at most, for each")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    arguments.simulator = os.path.join(arguments.build, "stress", "sim", "sluice_sim")
    rows = table(arguments.simulator)
    differ = names_in_source() ^ {mutant.name for mutant in rows}
    if differ:
        parser.error(f"only in the table, or only in the source: {', '.join(sorted(differ))}")
    unknown = set(arguments.names) - {mutant.name for mutant in rows}
    if unknown:
        parser.error(f"no mutant is called {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in rows if not arguments.names or mutant.name in arguments.names]
    commands = commands_of_tests(arguments.build)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for _ in pool.map(lambda mutant: judge(mutant, arguments, commands), chosen):
            pass
    missed = [mutant.name for mutant in chosen if not mutant.seen]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} known mistakes seen, "
          f"in {time.monotonic() - begun:.0f} s")
    if missed:
        print(f"NOT SEEN: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
