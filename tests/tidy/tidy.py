#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks how the tree is kept.

    tests/tidy/tidy.py [--build BUILD_DIRECTORY] [CHECK...]

Without a CHECK: all of them. Exit status 0 when nothing was found, 1 when something was.
"""

import argparse
import os
import sys

import build_checks
import text_checks
import tree


def main():
    every = {**text_checks.CHECKS, **build_checks.CHECKS}
    parser = argparse.ArgumentParser(description="Checks how the tree is kept.")
    parser.add_argument("--build", default=os.path.join(tree.ROOT, "build", "dev"))
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(every))
    arguments = parser.parse_args()
    unknown = set(arguments.checks) - set(every)
    if unknown:
        parser.error(f"no check is called {', '.join(sorted(unknown))}")
    findings = 0
    for name in arguments.checks or every:
        check = every[name]
        found = list(check(arguments.build) if name in build_checks.CHECKS else check())
        for place, what in found:
            print(f"{place}: {what}")
        print(f"{name}: {check.__doc__} {len(found)} found.")
        if found:
            print(f"  alone: tests/tidy/tidy.py --build {arguments.build} {name}")
        findings += len(found)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
