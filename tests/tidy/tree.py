# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files that the checks look at."""

import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The product, lowest first; tests/ and stress/ stand above all of it.
PRODUCT = ("include", "runtime", "protocol", "actors", "broker", "cli")
# A configuration is made before there is a world: its memory is the C library's.
BEFORE_ANY_WORLD = {"actors/config/memory.c"}


def all_files():
    """Every file of the tree, relative to its root; build directories and git's own left out."""
    listed = None
    if shutil.which("git"):
        listed = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listed is not None and listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().split("\0")
    else:
        names = walk()
    return sorted(name for name in names if name and os.path.isfile(os.path.join(ROOT, name)))


def walk():
    """The same without git, for a tree that was unpacked from an archive."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("build", ".git", ".cache")]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files]
    return found


def files(*endings, under=None):
    """Files with one of these endings, under one of these folders if they are given."""
    return [name for name in all_files()
            if name.endswith(endings) and (under is None or name.split("/")[0] in under)]


def lines(name):
    """The lines of a file, numbered from 1."""
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as opened:
        return list(enumerate(opened.read().split("\n"), start=1))


def text(name):
    """A file as one string."""
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as opened:
        return opened.read()
