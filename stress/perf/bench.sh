#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the release preset's benchmark programs and runs them: what `./run bench` calls. A full run
# writes docs/benchmarks/; a --quick one, or one of --only some, writes build/bench/ and leaves the
# published figures alone.
set -eu
cd "$(dirname "$0")/../.."
build=build/release
out=docs/benchmarks
for word in "$@"; do
    case $word in
    --quick | --only* | --help | -h) out=build/bench ;;
    esac
done
[ -f "$build/build.ninja" ] || cmake --preset release >/dev/null
cmake --build "$build" --target sluice_command rdkafka_bench perf_floor perf_sink
exec python3 stress/perf/bench.py --build "$build" --out "$out" "$@"
