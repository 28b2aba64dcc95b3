#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the models with Spin: each as it is, and each broken variant, which must be refused.

    stress/models/run.py [MODEL...]

Exit status 0 when all is as expected, 1 when not, 77 when Spin or the compiler is missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DEPTH_MAX = 100000
SECONDS_MAX = 600

# For each model: the sizes in which it must hold, and the macros that break it.
MODELS = {
    "activation": ([""], ["SKIP_IF_NOTIFIED", "LOOK_THEN_PUSH", "CLEAR_LATE", "RELEASE_BY_STORE"]),
    "parking": ([""], ["NO_SECOND_LOOK", "NO_HANDING_ON", "STALE_NOTICE"]),
    "budget": ([""], ["RETRY_WAITS", "NO_LOOK_AGAIN"]),
    "ticket": (["FAULTS=4", "BATCHES=4 FLIGHT=3"],
               ["NO_GATE", "REFUSED_IS_NO", "BUMP_UNSURE", "ATTEMPT_IS_ALL", "PROOF_WITH_A_GAP",
                "PROVEN_FOR_EVER", "NEW_ID_FENCES", "ROUND_GOES_ON BATCHES=4 FLIGHT=3",
                "FORGETS_BETWEEN"]),
    "writing": ([""], ["CLOSE_BY_STORE", "END_BY_STORE", "CLEAR_LATE"]),
}


class Unusable(Exception):
    """The check did not run to a verdict."""


def call(command, folder):
    """What a command prints; it must succeed."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS_MAX, check=False)
    if done.returncode != 0:
        raise Unusable(f"{' '.join(command)}:\n{done.stdout}")
    return done.stdout


def search(model, macros, optimize, folder):
    """(errors found, states, the error's text) of one search of all states."""
    source = f"{model}.pml"
    shutil.copy(os.path.join(HERE, source), folder)
    defines = [f"-D{macro}" for macro in macros.split()]
    call(["spin", "-a", *defines, source], folder)
    call([os.environ.get("CC", "gcc"), optimize, "-w", "-DSAFETY", "-DNOREDUCE", "-o",
          "pan", "pan.c"], folder)
    seen = call(["./pan", f"-m{DEPTH_MAX}", "-w22"], folder)
    errors = re.search(r"errors: (\d+)", seen)
    states = re.search(r"(\d+) states, stored", seen)
    if errors is None or states is None or "too small" in seen or "out of memory" in seen:
        raise Unusable(seen)
    if errors.group(1) == "0" and "Search not completed" in seen:
        raise Unusable(seen)
    found = re.search(r"pan:1: (.*?) \(at depth", seen)
    return int(errors.group(1)), int(states.group(1)), found.group(1) if found else ""


def replay(model, macros, folder):
    """The way to the error, step by step, as the search left it in a trail."""
    defines = [f"-D{macro}" for macro in macros.split()]
    return call(["spin", "-t", "-p", "-g", *defines, f"{model}.pml"], folder)


def check(model, macros, expects_error):
    """One line about one search; True when it came out as expected."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            # An error is found soon: what takes time there is the compiler.
            optimize = "-O0" if expects_error else "-O2"
            errors, states, what = search(model, macros, optimize, folder)
            trail = replay(model, macros, folder) if errors and not expects_error else ""
        except (Unusable, subprocess.TimeoutExpired) as trouble:
            print(f"FAILED  {model} {macros}: no verdict\n{trouble}")
            return False
    seconds = time.monotonic() - begun
    good = (errors > 0) == expects_error
    verdict = f"refused: {what}" if errors else "holds"
    print(f"{'ok' if good else 'FAILED':7} {model:10} {macros:20} {states:8} states "
          f"{seconds:5.1f} s  {verdict}", flush=True)
    if trail:
        print(trail)
    return good


def main():
    parser = argparse.ArgumentParser(description="Checks the models with Spin.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    chosen = parser.parse_args().models or list(MODELS)
    unknown = set(chosen) - set(MODELS)
    if unknown:
        parser.error(f"no model is called {', '.join(sorted(unknown))}")
    for tool in ("spin", os.environ.get("CC", "gcc")):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            return 77
    good = True
    for model in chosen:
        sizes, broken = MODELS[model]
        for macros in sizes:
            good = check(model, macros, False) and good
        for macros in broken:
            good = check(model, macros, True) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
