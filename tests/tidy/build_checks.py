# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that need the build: compilers, objects, the list of what was compiled."""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess

import tree

# Pure functions of the C library: bytes in, bytes out.
PURE = {
    "memchr", "memcmp", "memcpy", "memmove", "memset", "snprintf", "strchr", "strcmp", "strcpy",
    "strlen", "strncmp", "strnlen", "strrchr", "vsnprintf",
    # Added by the compiler, not by us.
    "__cpu_model", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail",
    "__memcpy_chk", "__memset_chk", "__snprintf_chk",
    "__vsnprintf_chk",
}
MEMORY = {"calloc", "free", "malloc"}
# zlib is given our allocator, and ISA-L has nothing but the checksum.
CODECS = {
    "crc32_iscsi", "deflate", "deflateBound", "deflateEnd", "deflateInit2_", "deflateReset",
    "deflateParams", "inflate", "inflateEnd", "inflateInit2_", "inflateReset",
}
# liburcu's queue, where it is not inlined.
LANES = {"cds_wfcq_enqueue", "cds_wfcq_node_init", "__cds_wfcq_dequeue_nonblocking",
         "__cds_wfcq_init", "__cds_wfcq_splice_nonblocking"}
# The executors' own doors are for the one file that opens a producer.
DOORS = re.compile(r"rt_(threads|sim)_")
DOOR_KEEPERS = ("actors/producer/",)

# Compiled in other presets only, or by a test of its own.
COMPILED_ELSEWHERE = ("tests/plain/", "tests/sanitizers/", "tests/install/",
                      "tests/include/nothing.c", "stress/mutants/")


def run(*command):
    """What a command prints; its own words when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.returncode, done.stdout


def in_parallel(work, items):
    """(item, result) of work(item), on the cores there are."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from zip(items, pool.map(work, items))


def check_headers(build):
    """Each header compiles alone."""
    compiler = cache_entry(build, "CMAKE_C_COMPILER")
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-D_LGPL_SOURCE",
             "-I" + tree.ROOT, "-I" + os.path.join(tree.ROOT, "include"),
             "-I" + os.path.join(tree.ROOT, "tests")]
    headers = [name for name in tree.files(".h") if not name.startswith("tests/shim/")]

    def compile_alone(name):
        path = os.path.join(tree.ROOT, name)
        # Included from an empty file, so that nothing is said about its being the main one.
        return run(compiler, *flags, "-fsyntax-only", "-include", path, "-x", "c", "/dev/null")

    for name, (code, output) in in_parallel(compile_alone, headers):
        if code != 0:
            yield name, "expected to compile alone, seen:\n" + output


def cache_entry(build, key):
    """A value of the build's CMake cache."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        return re.search(rf"^{key}:\w+=(.*)$", cache.read(), re.M).group(1)


def symbols(objects, *options):
    """{object: set of names} that nm prints."""
    code, output = run("nm", "--format=posix", "--print-file-name", *options, *objects)
    if code != 0:
        raise RuntimeError(output)
    found = {item: set() for item in objects}
    for line in output.splitlines():
        item, name = re.match(r"(.*?): (\S+)", line).groups()
        found[item].add(name)
    return found


def check_symbols(build):
    """What actors/ and protocol/ import is pure, theirs, or the environment table's."""
    with open(os.path.join(build, "tests", "tidy", "objects.txt"), encoding="utf-8") as listed:
        objects = [line for line in listed.read().split() if line]
    defined = symbols(objects, "--defined-only", "--extern-only")
    own = set().union(*defined.values()) if defined else set()
    watched = [item for item in objects if re.search(r"sluice_(actors|protocol)\.dir/", item)]
    if not watched:
        yield "tests/tidy/objects.txt", "expected the objects of actors/ and protocol/, seen none"
    for item, names in symbols(watched, "--undefined-only").items():
        source = os.path.normpath(
            re.sub(r".*/(actors|protocol)/CMakeFiles/[^/]*\.dir/(.*)\.o$", r"\1/\2", item))
        for name in sorted(names):
            if DOORS.match(name) and not source.startswith(DOOR_KEEPERS):
                yield source, f"only {DOOR_KEEPERS} may start an executor, seen {name}"
            elif source in tree.BEFORE_ANY_WORLD and name in MEMORY:
                continue
            elif name not in own | PURE | CODECS | LANES:
                yield source, f"expected no way to the world but the table, seen {name}"


def check_dead(build):
    """Every source is compiled and every header is included by somebody."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as commands:
        compiled = {os.path.relpath(entry["file"], tree.ROOT) for entry in json.load(commands)}
    for name in tree.files(".c"):
        if name not in compiled and not name.startswith(COMPILED_ELSEWHERE):
            yield name, "expected to be part of the build, seen nowhere in it"
    included = "\n".join(tree.text(name) for name in tree.files(".c", ".h", ".def", ".cmake"))
    for name in tree.files(".h", ".def"):
        if name.startswith("tests/shim/"):
            continue
        if not re.search(rf'include [<"]([\w./-]*/)?{re.escape(os.path.basename(name))}[>"]',
                         included):
            yield name, "expected to be included by a source, seen nowhere"


def check_format(_build):
    """clang-format would change nothing."""
    formatter = shutil.which("clang-format-14") or shutil.which("clang-format")
    if formatter is None:
        yield ".clang-format", "expected clang-format to be installed"
        return

    names = tree.files(".c", ".h")
    cores = os.cpu_count()

    def would_change(chosen):
        return run(formatter, "--dry-run", "--Werror",
                   *[os.path.join(tree.ROOT, name) for name in chosen])

    for chosen, (_, output) in in_parallel(would_change, [names[i::cores] for i in range(cores)]):
        for name in chosen:
            path = re.escape(os.path.join(tree.ROOT, name))
            found = re.search(rf"^{path}:(\d+):\d+: error", output, re.M)
            if found:
                yield f"{name}:{found.group(1)}", f"expected `clang-format -i {name}`"


CHECKS = {
    "headers": check_headers,
    "symbols": check_symbols,
    "dead": check_dead,
    "format": check_format,
}
