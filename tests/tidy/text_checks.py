# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that read the text of the tree. Each yields (place, what was expected and seen)."""

import os
import re

import tree

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
COLUMNS_MAX = 100

# Who may include whom, by folder. tests/ and stress/ may include anybody.
MAY_INCLUDE = {
    "include": {"include"},
    "runtime": {"include", "runtime"},
    "protocol": {"include", "protocol"},
    "actors": {"include", "runtime", "protocol", "actors"},
    "broker": {"include", "runtime", "protocol", "broker"},
    "cli": {"include", "runtime", "protocol", "actors", "broker", "cli"},
}
# Files of another folder that are allowed beside the table.
MAY_INCLUDE_FILES = {"protocol": {"runtime/assert.h", "runtime/mutant.h"}}

# What actors/ and protocol/ may include of the system: nothing here waits, asks or allocates.
PURE_HEADERS = {
    "errno.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
    "immintrin.h",
    "stddef.h",
    "stdint.h", "stdio.h", "string.h", "zlib.h", "isa-l.h", "isa-l/crc.h", "ck_ring.h",
    "urcu/wfcqueue.h",
}
# The same for calls, so that a static inline of a system header is no way round.
BANNED_CALLS = re.compile(
    r"\b(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|alloca|time|clock|"
    r"clock_gettime|gettimeofday|nanosleep|usleep|sleep|rand|random|srand|srandom|getrandom|"
    r"getenv|setenv|socket|connect|bind|listen|accept|accept4|send|sendmsg|recv|recvmsg|read|"
    r"write|readv|writev|open|close|poll|ppoll|select|epoll_\w+|eventfd|timerfd_\w+|futex|syscall|"
    r"getaddrinfo|gethostbyname|fork|exec\w+|exit|_exit|abort|signal|sigaction|raise|kill|"
    r"printf|puts|putchar|perror|fopen|fprintf|fwrite|fread|fputs|pthread_\w+|sched_yield|"
    r"synchronize_rcu|call_rcu|rcu_\w+|strtok|setlocale|localtime|gmtime|strerror|atoi)\s*\(")

SOURCE_ENDINGS = (".c", ".h", ".def", ".py", ".sh", ".java", ".cmake", "CMakeLists.txt", ".json")


def without_comments(source):
    """C source with comments and literals blanked, lines kept."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)


def includes_of(name):
    """(line number, bracket, path) of each include of a file."""
    for number, line in tree.lines(name):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1), found.group(2)


def check_includes():
    """Folders include only what stands below them."""
    for name in tree.files(".c", ".h", ".def", under=tree.PRODUCT):
        folder = name.split("/")[0]
        for number, bracket, path in includes_of(name):
            target = "include" if path.startswith("sluice/") else path.split("/")[0]
            place = f"{name}:{number}"
            if bracket == '"' and not os.path.isfile(os.path.join(tree.ROOT, path)):
                yield place, f'expected a path from the root of the repository, seen "{path}"'
            elif bracket == "<" and target != "include":
                continue
            elif target in tree.PRODUCT + ("tests", "stress"):
                allowed = MAY_INCLUDE[folder]
                if target not in allowed and path not in MAY_INCLUDE_FILES.get(folder, ()):
                    yield place, f"{folder}/ may include {sorted(allowed)}, seen {path}"


def check_world():
    """actors/ and protocol/ neither include nor call what leads to the world."""
    for name in tree.files(".c", ".h", under=("actors", "protocol")):
        if name in tree.BEFORE_ANY_WORLD:
            continue
        for number, bracket, path in includes_of(name):
            ours = path.split("/")[0] in tree.PRODUCT + ("sluice",)
            if bracket == "<" and not ours and path not in PURE_HEADERS:
                yield f"{name}:{number}", f"expected a header without a way out, seen <{path}>"
        for number, line in enumerate(without_comments(tree.text(name)).split("\n"), start=1):
            for found in BANNED_CALLS.finditer(line):
                before = line[:found.start()].rstrip()
                if not before.endswith(("->", ".")):
                    yield (f"{name}:{number}",
                           f"expected the environment table, seen a call of {found.group(1)}")


def function_bodies(name):
    """(first line, first line's text, length) of each function of a formatted C file."""
    first, title, inside = None, None, False
    for number, line in tree.lines(name):
        if inside:
            if line.startswith("}"):
                yield first, title, number - first + 1
                inside = False
        else:
            if line and line[0] not in " \t#/*}":
                first, title = number, line
            inside = title is not None and line.endswith(") {")


def check_lengths():
    """Files and functions stay short."""
    for name in tree.files(".c", ".h", ".py", ".java", ".sh"):
        count = len(tree.lines(name)) - 1
        if count > FILE_LINES_MAX:
            yield name, f"expected at most {FILE_LINES_MAX} lines, seen {count}"
    for name in tree.files(".c", ".h"):
        for start, title, count in function_bodies(name):
            if count > FUNCTION_LINES_MAX:
                yield (f"{name}:{start}",
                       f"expected at most {FUNCTION_LINES_MAX} lines, seen {count}: {title}")


def check_columns():
    """No line of source is wider than the screen."""
    for name in tree.files(*SOURCE_ENDINGS):
        for number, line in tree.lines(name):
            if len(line) > COLUMNS_MAX:
                yield f"{name}:{number}", f"expected {COLUMNS_MAX} columns, seen {len(line)}"
            if line != line.rstrip():
                yield f"{name}:{number}", "expected no blank at the end of the line"


def check_words():
    """Nothing is left for later, runtime/ knows no Kafka, and every source says its licence."""
    later = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
    kafka = re.compile(r"kafka|\bbrokers?\b|\btopics?\b|\bpartitions?\b", re.I)
    for name in tree.files(*SOURCE_ENDINGS, ".md"):
        for number, line in tree.lines(name):
            if later.search(line):
                yield f"{name}:{number}", f"expected nothing left for later, seen: {line.strip()}"
            if name.startswith("runtime/") and kafka.search(line):
                yield f"{name}:{number}", f"expected no word of Kafka, seen: {line.strip()}"
    for name in tree.files(".c", ".h", ".def", ".java", ".py", ".sh"):
        first = tree.lines(name)[:2]
        if not any("SPDX-License-Identifier: LGPL-2.1-or-later" in line for _, line in first):
            yield f"{name}:1", f"expected the SPDX line, seen: {first[0][1]}"


def check_links():
    """Relative links of the documents lead somewhere."""
    link = re.compile(r"\]\(([^)\s]+)\)")
    for name in tree.files(".md"):
        fenced = False
        for number, line in tree.lines(name):
            fenced ^= line.lstrip().startswith("```")
            for target in [] if fenced else link.findall(line):
                if re.match(r"[a-z]+:", target) or target.startswith("#"):
                    continue
                path = os.path.normpath(
                    os.path.join(tree.ROOT, os.path.dirname(name), target.split("#")[0]))
                if not os.path.exists(path):
                    yield f"{name}:{number}", f"expected a file, seen a link to {target}"


CHECKS = {
    "includes": check_includes,
    "world": check_world,
    "lengths": check_lengths,
    "columns": check_columns,
    "words": check_words,
    "links": check_links,
}
