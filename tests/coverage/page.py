# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads docs/coverage.md: which branches no test takes, and why.

Its rows are `| file | function | condition | side | why |`; condition is the source's text in one
line, between backticks, and side is what it never is: true, false or both. A row stands for each
condition of that text in that function. Lines are left to `./run coverage --missing`: they move.
"""

import dataclasses
import os
import re

NAME = "docs/coverage.md"
LUCK = "## Only when two threads meet"
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| `(.+)` \| (true|false|both) \| (.+) \|$")


@dataclasses.dataclass
class Row:
    """One explanation."""

    number: int  # of its line in the page
    file: str
    function: str
    condition: str
    side: str
    why: str
    lucky: bool = False  # where two threads meet: taken in some runs

    def is_of(self, condition):
        """Whether it speaks of this condition."""
        return ((self.file, self.function, self.condition) ==
                (condition.file, condition.function, condition.text))

    def sides(self):
        """The sides that it explains."""
        return ("true", "false") if self.side == "both" else (self.side,)


class Page:
    """All explanations."""

    def __init__(self, rows):
        self.rows = rows

    def why(self, condition, side):
        """The reason for which a side is not taken, or None."""
        for row in self.rows:
            if row.is_of(condition) and side in row.sides():
                return row.why
        return None

    def in_vain(self, files):
        """Rows without a condition that lacks what they explain, those of luck aside."""
        for row in [row for row in self.rows if not row.lucky]:
            here = files[row.file].conditions if row.file in files else []
            if not any(row.is_of(condition) and set(condition.missing()) & set(row.sides())
                       for condition in here):
                yield row


def parse(text):
    """The rows of a page's text."""
    rows, lucky = [], False
    for number, line in enumerate(text.split("\n"), start=1):
        found = ROW.match(line)
        if line.startswith("## "):
            lucky = line == LUCK
        if found:
            cells = (cell.replace("\\|", "|") for cell in found.groups())
            rows.append(Row(number, *cells, lucky))
    return rows


def read(root):
    """The page of a tree; an empty one where there is none."""
    path = os.path.join(root, NAME)
    if not os.path.exists(path):
        return Page([])
    with open(path, encoding="utf-8") as opened:
        return Page(parse(opened.read()))
