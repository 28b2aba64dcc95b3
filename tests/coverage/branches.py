# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads what `llvm-cov export` says, and knows which branches count.

The rule: a branch is a side of a condition, of a loop or of a case. It is left out when it comes
out of the expansion of an assertion's macro, whatever stands between: neither RT_ASSERT's own
choice nor the conditions of its argument count. A row of a table (a .def file, included into a
switch) is data and counts neither. A switch without a default has no branch for it: ours are over
enums, and the compiler sees to it that they name every value. What a mutant's macro makes, and
what stands right of its switch, `RT_MUTANT(name) &&`, is not of this build. A condition that the
compiler knows the answer of (`while (true)`) has no branch. A function of a header is counted
once, however many files have a copy of it.
"""

import dataclasses
import os
import re

ASSERTIONS = {"RT_ASSERT"}
MUTANTS = {"RT_MUTANT", "RT_IF_MUTANT", "RT_UNLESS_MUTANT"}
TABLES = ".def"
EXPANSION = 1  # the kind of a region that stands for what a macro was replaced with


@dataclasses.dataclass
class Condition:
    """One condition with its two sides."""

    file: str
    function: str
    line: int
    column: int
    text: str
    taken: int = 0  # how often it was true
    passed: int = 0  # how often it was false

    def missing(self):
        """The sides that never were."""
        return [side for side, count in (("true", self.taken), ("false", self.passed))
                if count == 0]


@dataclasses.dataclass
class File:
    """One file's figures."""

    name: str
    lines: int = 0
    lines_run: int = 0
    conditions: list = dataclasses.field(default_factory=list)

    def branches(self):
        """How many branches count."""
        return 2 * len(self.conditions)

    def branches_run(self):
        """How many of them were taken."""
        return sum(2 - len(condition.missing()) for condition in self.conditions)


class Sources:
    """Pieces of the sources, by the places that llvm-cov names; lines and columns from 1."""

    def __init__(self, root):
        self.root = root
        self.lines = {}

    def of(self, name):
        if name not in self.lines:
            with open(os.path.join(self.root, name), encoding="utf-8", errors="replace") as opened:
                self.lines[name] = opened.read().split("\n")
        return self.lines[name]

    def before(self, name, first, column):
        """The text before a place, its line and the one above, in one line."""
        lines = self.of(name)[max(first - 2, 0):first]
        lines[-1:] = [line[:column - 1] for line in lines[-1:]]
        return re.sub(r"\s+", " ", " ".join(lines))

    def piece(self, name, first, column, last, end):
        """The text between two places, in one line."""
        lines = self.of(name)[first - 1:last]
        if not lines:
            return ""
        lines[-1] = lines[-1][:end - 1]
        lines[0] = lines[0][column - 1:]
        return re.sub(r"\s+", " ", " ".join(lines)).strip()

    def call(self, name, first, column):
        """A macro's name and arguments from this place on, in one line."""
        text = re.sub(r"\s+", " ", "\n".join(self.of(name)[first - 1:])[column - 1:])
        depth = 0
        for at, letter in enumerate(text):
            depth += {"(": 1, ")": -1}.get(letter, 0)
            if depth <= 0 and not (letter.isalnum() or letter == "_"):
                return text[:at + (letter == ")")]
        return text


class Function:
    """The branches of one function as one object file has them."""

    def __init__(self, record, sources, inside):
        self.name = record["name"].split(":")[-1]
        self.files = record["filenames"]
        self.inside = inside
        self.branches = record["branches"]
        self.sources = sources
        # Where a file that is only an expansion was expanded.
        self.places = {region[6]: region for region in record["regions"] if region[7] == EXPANSION}

    def way_out(self, number):
        """The expansions that lead to a file number, the outermost first."""
        way = []
        while number in self.places and len(way) < len(self.places):
            way.insert(0, self.places[number])
            number = way[0][5]
        return way

    def macro(self, region):
        """The name of the macro that an expansion is of."""
        return self.sources.piece(self.files[region[5]], *region[:4])

    def left_out(self, way):
        """What comes this way is an assertion's, a mutant's, or a row of a table."""
        return any(self.files[region[6]].endswith(TABLES) or
                   self.macro(region) in ASSERTIONS | MUTANTS for region in way)

    def is_missing_default(self, file, branch):
        """A default that is not there has the place of what the switch looks at."""
        return self.sources.before(file, *branch[:2]).endswith("switch (")

    def is_mutant(self, file, branch):
        """What only a mutant looks at: the switch stands before it and is false."""
        before = self.sources.before(file, *branch[:2])
        return re.search(r"\bRT_MUTANT\(\w+\) && ?$", before) is not None

    def conditions(self):
        """(key, condition) of each that counts and stands in our files."""
        seen = {}
        for branch in self.branches:
            way = self.way_out(branch[6])
            outermost = way[0] if way else branch
            file = self.inside(self.files[outermost[5] if way else branch[6]])
            if file is None or self.left_out(way) or self.is_missing_default(file, outermost):
                continue
            if self.is_mutant(file, outermost):
                continue
            if way:
                text = self.sources.call(file, *outermost[:2])
            else:
                text = self.sources.piece(file, *branch[:4])
            key = (file, tuple(tuple(region[:2]) for region in way), tuple(branch[:4]))
            # Two conditions of a macro's argument have the same place: told apart by their turn.
            seen[key] = seen.get(key, 0) + 1
            yield key + (seen[key],), Condition(file, self.name, *outermost[:2], text, *branch[4:6])


def read(export, root, folders):
    """{name: File} of the files in these folders."""
    root = os.path.realpath(root)
    sources = Sources(root)

    def inside(name):
        name = os.path.relpath(os.path.realpath(name), root)
        return name if name.split(os.sep)[0] in folders else None

    files, conditions = {}, {}
    for data in export["data"]:
        for record in data["files"]:
            name = inside(record["filename"])
            if name is not None:
                lines = record["summary"]["lines"]
                files[name] = File(name, lines["count"], lines["covered"])
        for record in data["functions"]:
            for key, condition in Function(record, sources, inside).conditions():
                known = conditions.setdefault(key, condition)
                if known is not condition:
                    known.taken += condition.taken
                    known.passed += condition.passed
    for _, condition in sorted(conditions.items(), key=lambda item: (item[1].line, item[0])):
        files.setdefault(condition.file, File(condition.file)).conditions.append(condition)
    return files
