#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the release preset's benchmark programs and runs them: what `./run bench` calls. A full run
# writes docs/benchmarks/ and the README's table; a --quick one, or one of --only some, writes
# build/bench/ and leaves the published figures alone.
set -eu
cd "$(dirname "$0")/../.."
build=build/release
published='--out docs/benchmarks --readme README.md'
for word in "$@"; do
    case $word in
    --quick | --only* | --help | -h) published='--out build/bench' ;;
    esac
done
[ -f "$build/build.ninja" ] || cmake --preset release >/dev/null
cmake --build "$build" --target sluice_bench rdkafka_bench perf_floor perf_sink
# shellcheck disable=SC2086
exec python3 stress/perf/bench.py --build "$build" $published "$@"
