#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which lines and branches the tests run.

    coverage.py --build build/coverage [--seeds COUNT]   runs the tests, prints the tables
    coverage.py --build build/coverage --last            prints the tables of the last run again
    coverage.py --build build/coverage --missing FILE    the branches of FILE that the last run
                                                         left out; a folder does, too

branches.py says what a branch is. docs/coverage.md explains those that no test takes; a branch
that it does not explain is listed, and so is one that it explains and that was taken after all.
Exit status 1 when a test failed, or when a folder with a floor is below it.
"""

import argparse
import glob
import json
import os
import subprocess
import sys

import branches
import page

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The folders that are counted, and the least part of their branches that must be taken.
FLOORS = {"protocol": 95, "runtime": 95, "actors": 95, "broker": 0, "cli": 0}
# Labels of tests, by ctest's options: what is run, one after the other. Slow tests are left out but
# for those in which memory and system calls fail: nothing else takes those ways.
CHOICES = (("-LE", "^(kafka|slow)$"), ("-L", "^scarce$"))


def run(command, **options):
    """Runs a command and says so."""
    print("==", " ".join(command), flush=True)
    return subprocess.run(command, check=False, **options).returncode


def tests_run(build, seeds):
    """Runs everything that counts; each program leaves its counts in build/profile."""
    profile = os.path.join(build, "profile")
    for name in glob.glob(os.path.join(profile, "*")):
        os.unlink(name)
    environment = dict(os.environ, LLVM_PROFILE_FILE=os.path.join(profile, "%2m.profraw"))
    status = 0
    for number, choice in enumerate(CHOICES, start=1):
        log = os.path.join(build, f"ctest-{number}.txt")
        code = run(["ctest", "--test-dir", build, "-j", str(os.cpu_count()), *choice,
                    "--output-on-failure", "--quiet", "-O", log], env=environment)
        if code != 0:
            print(f"tests failed; see {log}")
        status |= code
    if seeds > 0:
        status |= run([os.path.join(build, "stress/sim/sluice_sim"), "--seeds", f"1..{seeds}"],
                      env=environment)
    return status


def objects(build):
    """The programs of a build, and the library: each has the map of what it counts. Those of an
    earlier tree may lie in its directory, too, so the build itself is asked."""
    told = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"], check=True,
                          stdout=subprocess.PIPE, text=True)
    names = [line.split(":")[0] for line in told.stdout.split("\n")
             if ": C_EXECUTABLE_LINKER" in line]
    paths = [os.path.join(build, name) for name in ["libsluice.so", *sorted(names)]]
    return [path for path in paths if os.path.exists(path)]


def export(build):
    """What was counted, as llvm-cov tells it, also kept for --last and --missing."""
    merged = os.path.join(build, "profile", "all.profdata")
    counts = glob.glob(os.path.join(build, "profile", "*.profraw"))
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *counts], check=True)
    command = ["llvm-cov", "export", "-instr-profile", merged]
    for path in objects(build):
        command += ["-object", path]
    # It warns of each inline function that a program has and does not call.
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with open(last_export(build), "wb") as written:
        written.write(told.stdout)


def last_export(build):
    """Where the last run's counts are."""
    return os.path.join(build, "coverage.json")


def part(count, whole):
    """A percentage."""
    return f"{100 * count / whole:6.1f} %" if whole else "       -"


def print_row(name, files):
    """One line of the table."""
    lines, lines_run = sum(f.lines for f in files), sum(f.lines_run for f in files)
    whole, taken = sum(f.branches() for f in files), sum(f.branches_run() for f in files)
    print(f"{name:36} {part(lines_run, lines)} {lines:7} {part(taken, whole)} {whole:7} "
          f"{whole - taken:7}")


def print_tables(files):
    """Per file, then per folder. Returns the folders below their floor."""
    title = f"{'':36} {'lines':>8} {'of':>7} {'branches':>8} {'of':>7} {'missing':>7}"
    print("\n" + title)
    for name in sorted(files):
        print_row(name, [files[name]])
    print("\n" + title)
    below = []
    for folder, floor in FLOORS.items():
        inside = [file for name, file in files.items() if name.startswith(folder + "/")]
        print_row(folder + "/", inside)
        whole = sum(file.branches() for file in inside)
        if whole and 100 * sum(file.branches_run() for file in inside) < floor * whole:
            below.append(f"{folder}/ is below {floor} % of branches")
    return below


def print_missing(files, what, explained):
    """The branches of a file or folder that were not taken, and why not."""
    for name in sorted(files):
        if name != what and not name.startswith(what.rstrip("/") + "/"):
            continue
        for condition in files[name].conditions:
            for side in condition.missing():
                why = explained.why(condition, side)
                print(f"{name}:{condition.line}:{condition.column}: {condition.function}: never "
                      f"{side}: {condition.text}" + (f"\n    {why}" if why else ""))


def print_explained(files, explained):
    """What the page does not explain, and what it explains in vain."""
    open_ones = [(condition, side) for name in sorted(files)
                 if FLOORS.get(name.split("/")[0]) for condition in files[name].conditions
                 for side in condition.missing() if not explained.why(condition, side)]
    print(f"\nbranches without an explanation in {page.NAME}: {len(open_ones)}")
    for condition, side in open_ones:
        print(f"  {condition.file}:{condition.line}: never {side}: {condition.text}")
    for row in explained.in_vain(files):
        print(f"  taken in this run, and explained as not: {row.file} {row.function} "
              f"{row.condition}")


def main():
    parser = argparse.ArgumentParser(description="Which lines and branches the tests run.")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "coverage"))
    parser.add_argument("--seeds", type=int, default=3000, help="of the simulator (%(default)s)")
    parser.add_argument("--last", action="store_true", help="print the last run again")
    parser.add_argument("--missing", metavar="FILE", help="what the last run left out of it")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    status = 0
    if not (arguments.last or arguments.missing):
        status = tests_run(build, arguments.seeds)
        export(build)
    elif not os.path.exists(last_export(build)):
        print("nothing was counted yet: ./run coverage", file=sys.stderr)
        return 2
    with open(last_export(build), encoding="utf-8") as opened:
        files = branches.read(json.load(opened), ROOT, tuple(FLOORS))
    explained = page.read(ROOT)
    if arguments.missing:
        print_missing(files, os.path.relpath(arguments.missing), explained)
        return 0
    below = print_tables(files)
    print_explained(files, explained)
    for text in below:
        print(text)
    return 1 if status or below else 0


if __name__ == "__main__":
    sys.exit(main())
