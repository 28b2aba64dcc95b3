#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uses Sluice as others do: from an installed prefix, with nothing of the build tree.

    install_test.py --build BUILD --work SCRATCH STEP

install first; the other steps build and look at what it installed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
CMAKE_PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES C)
find_package(sluice REQUIRED)
add_executable(shared example.c)
target_link_libraries(shared PRIVATE sluice::sluice)
add_executable(static example.c)
target_link_libraries(static PRIVATE sluice::sluice-static)
add_executable(broker_shared broker.c)
target_link_libraries(broker_shared PRIVATE sluice::broker)
add_executable(broker_static broker.c)
target_link_libraries(broker_static PRIVATE sluice::broker-static)
"""


class Failure(Exception):
    """What was expected and what was seen."""


class Install:
    """One installed prefix and the tools that are pointed at it."""

    def __init__(self, build, work):
        self.build, self.work = build, work
        self.prefix = os.path.join(work, "prefix")
        self.compiler = self.cache_entry("CMAKE_C_COMPILER")

    def cache_entry(self, key):
        """A value of the build's CMake cache."""
        with open(os.path.join(self.build, "CMakeCache.txt"), encoding="utf-8") as cache:
            return re.search(rf"^{key}:\w+=(.*)$", cache.read(), re.M).group(1)

    def library_folder(self):
        """Where the libraries went, which is the distribution's choice."""
        for folder, _, names in os.walk(self.prefix):
            if "libsluice.so" in names:
                return folder
        raise Failure(f"expected libsluice.so below {self.prefix}, seen none")

    def environment(self):
        """The prefix first, wherever tools look."""
        library = self.library_folder()
        return {**os.environ,
                "PKG_CONFIG_PATH": os.path.join(library, "pkgconfig"),
                "LD_LIBRARY_PATH": library,
                "CMAKE_PREFIX_PATH": self.prefix}

    def run(self, *command, **options):
        """What a command prints; a failure with all of it when it does not succeed."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False, stdin=subprocess.DEVNULL, **options)
        if done.returncode != 0:
            raise Failure(f"expected success of: {' '.join(command)}\n"
                          f"seen status {done.returncode}:\n{done.stdout}")
        return done.stdout

    def pkg_config(self, *arguments):
        """pkg-config's words about the installed libraries."""
        return self.run("pkg-config", *arguments, env=self.environment()).split()


def readme_example():
    """The first C program of README.md."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
        found = re.search(r"^```c\n(.*?)^```", readme.read(), re.M | re.S)
    if found is None or "int main(" not in found.group(1):
        raise Failure("expected a whole program in the first ```c block of README.md")
    return found.group(1)


class Broker:
    """The installed command's own broker, on a free port, as long as the block lasts."""

    def __init__(self, install):
        self.command = [os.path.join(install.prefix, "bin", "sluice"), "broker", "--port", "0"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        found = re.search(r"[\w.\[\]:-]+:\d+(,[\w.\[\]:-]+:\d+)*", line)
        if found is None:
            self.__exit__()
            raise Failure(f"expected the address of a broker, seen: {line!r}")
        return found.group()

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def write_sources(install, folder, address):
    """The README's program, aimed at our broker, and one for the embedded broker."""
    source, aimed = readme_example(), []
    for line in source.split("\n"):
        aimed.append(re.sub(r"(localhost|127\.0\.0\.1):9092", address, line))
    if source == "\n".join(aimed):
        raise Failure("expected localhost:9092 in the README's program, seen another address")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "example.c"), "w", encoding="utf-8") as example:
        example.write("\n".join(aimed))
    shutil.copy(os.path.join(ROOT, "tests", "install", "broker.c"), folder)


def step_install(install):
    """cmake --install into an empty prefix."""
    shutil.rmtree(install.prefix, ignore_errors=True)
    install.run("cmake", "--install", install.build, "--prefix", install.prefix)
    library = install.library_folder()
    for name in ("libsluice.so.0", "libsluice.a", "libsluice-broker.so.0", "libsluice-broker.a",
                 "pkgconfig/sluice.pc", "pkgconfig/sluice-broker.pc",
                 "cmake/sluice/sluice-config.cmake"):
        if not os.path.exists(os.path.join(library, name)):
            raise Failure(f"expected {name} in {library}, seen nothing")
    dynamic = install.run("readelf", "--dynamic", os.path.join(library, "libsluice.so"))
    if "[libsluice.so.0]" not in dynamic:
        raise Failure(f"expected the soname libsluice.so.0, seen:\n{dynamic}")


def compile_and_run(install, name, libraries, wanted_shared):
    """Builds both programs with these libraries, runs them, looks at what they load."""
    folder = os.path.join(install.work, name)
    environment = install.environment()
    with Broker(install) as address:
        write_sources(install, folder, address)
        for program in ("example", "broker"):
            path = os.path.join(folder, program)
            install.run(install.compiler, "-std=gnu11", *STRICT, f"{path}.c", "-o", path,
                        *libraries[program])
            loaded = install.run("ldd", path, env=environment)
            if ("libsluice" in loaded) != wanted_shared:
                raise Failure(f"expected libsluice {'' if wanted_shared else 'not '}to be loaded "
                              f"by {path}, seen:\n{loaded}")
            said_something(path, install.run(path, env=environment))


def said_something(path, output):
    """Both programs print the report of their record."""
    if "partition" not in output:
        raise Failure(f"expected {path} to print its record's report, seen:\n{output}")
    print(output)


def step_pkg_config_shared(install):
    """pkg-config --cflags --libs, shared."""
    compile_and_run(install, "pkg-config-shared",
                    {"example": install.pkg_config("--cflags", "--libs", "sluice"),
                     "broker": install.pkg_config("--cflags", "--libs", "sluice-broker")}, True)


def step_pkg_config_static(install):
    """pkg-config --static, with our part static; Debian has no static ISA-L for the rest."""
    libraries = {}
    for program, package in (("example", "sluice"), ("broker", "sluice-broker")):
        words = install.pkg_config("--static", "--cflags", "--libs", package)
        libraries[program] = [re.sub(r"^-l(sluice(-broker)?)$", r"-l:lib\1.a", word)
                              for word in words]
    compile_and_run(install, "pkg-config-static", libraries, False)


def step_find_package(install):
    """find_package(sluice), every target."""
    folder = os.path.join(install.work, "find-package")
    shutil.rmtree(folder, ignore_errors=True)
    environment = {**install.environment(), "LD_LIBRARY_PATH": ""}
    with Broker(install) as address:
        write_sources(install, folder, address)
        with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as project:
            project.write(CMAKE_PROJECT)
        built = os.path.join(folder, "build")
        install.run("cmake", "-S", folder, "-B", built, "-G", "Ninja",
                    f"-DCMAKE_C_COMPILER={install.compiler}", env=environment)
        install.run("cmake", "--build", built, env=environment)
        for program in ("shared", "static", "broker_shared", "broker_static"):
            path = os.path.join(built, program)
            said_something(path, install.run(path, env=environment))


def compile_headers(install, compiler, *flags):
    """Each public header alone, and all together."""
    folder = os.path.join(install.prefix, "include", "sluice")
    headers = sorted(name for name in os.listdir(folder) if name.endswith(".h"))
    if not headers:
        raise Failure(f"expected headers in {folder}, seen none")
    for chosen in [[name] for name in headers] + [headers]:
        words = [word for name in chosen for word in ("-include", f"sluice/{name}")]
        install.run(compiler, *flags, *STRICT, "-I", os.path.join(install.prefix, "include"),
                    *words, "-fsyntax-only", "/dev/null")
        print("compiles:", " ".join(chosen))


def step_headers_c11(install):
    """The installed headers as strict C11, and as C99, the least that they promise to need."""
    compile_headers(install, install.compiler, "-std=c11", "-x", "c")
    compile_headers(install, install.compiler, "-std=c99", "-x", "c")


def step_headers_cxx17(install):
    """The installed headers as C++11 and C++17, and the README's program as C++17, all strict."""
    compiler = re.sub(r"(^|/)cc$", r"\1c++", install.compiler)
    compiler = re.sub(r"gcc$", "g++", re.sub(r"clang$", "clang++", compiler))
    compile_headers(install, compiler, "-std=c++17", "-x", "c++")
    compile_headers(install, compiler, "-std=c++11", "-x", "c++")
    source = os.path.join(install.work, "example.cc")
    with open(source, "w", encoding="utf-8") as example:
        example.write(readme_example())
    install.run(compiler, "-std=c++17", *STRICT, "-I", os.path.join(install.prefix, "include"),
                "-fsyntax-only", source)
    print("compiles: the program of README.md")


def names_of(install, *command):
    """Names that nm prints, versions cut off."""
    output = install.run("nm", "--format=posix", *command)
    return {line.split()[0].split("@")[0] for line in output.splitlines() if len(line.split()) > 1}


def declared_names(install):
    """The functions that the public headers declare."""
    folder = os.path.join(install.prefix, "include", "sluice")
    found = set()
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as header:
            source = re.sub(r"/\*.*?\*/", "", header.read(), flags=re.S)
        for declaration in re.findall(r"SLUICE_API\b([^;{]*)\(", source):
            found |= set(re.findall(r"\b(sluice_\w+)\s*\(", declaration + "(")[:1])
    return found


# One for both, whichever is loaded first: runtime/threads_system.c.
SHARED = {"sluice_worlds"}


def step_symbols(install):
    """Exported and defined names are those that the headers declare, and begin with sluice_."""
    library = install.library_folder()
    declared, defined = declared_names(install), {}
    for name in ("libsluice", "libsluice-broker"):
        shared = names_of(install, "--dynamic", "--defined-only", f"{library}/{name}.so")
        static = names_of(install, "--extern-only", "--defined-only", f"{library}/{name}.a")
        for kind, names in ((".so", shared), (".a", static)):
            strange = {one for one in names if not one.startswith("sluice_")}
            if strange:
                raise Failure(f"expected only sluice_ names in {name}{kind}, seen {strange}")
            defined[name + kind] = names
        if shared != static:
            raise Failure(f"expected {name}.so and {name}.a to define the same names, seen a "
                          f"difference: {shared ^ static}")
    both = defined["libsluice.so"] & defined["libsluice-broker.so"]
    if both != SHARED:
        raise Failure(f"expected {SHARED} in both libraries and nothing else, seen in both: {both}")
    every = (defined["libsluice.so"] | defined["libsluice-broker.so"]) - SHARED
    if every != declared:
        raise Failure(f"expected what the headers declare; not defined: {declared - every}; "
                      f"not declared: {every - declared}")
    print(f"{len(every)} names, all declared, all sluice_")


def main():
    steps = {name[len("step_"):]: step for name, step in globals().items()
             if name.startswith("step_")}
    parser = argparse.ArgumentParser(description="Uses Sluice from an installed prefix.")
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("step", choices=steps)
    arguments = parser.parse_args()
    try:
        steps[arguments.step](Install(arguments.build, arguments.work))
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(failure)
        print("alone:", " ".join([os.path.abspath(__file__), *sys.argv[1:]]), "(install first)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
