#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the release preset's microbenchmarks and runs them: what `./run micro` calls. A full run
# writes docs/benchmarks/micro.*; a --quick one, or one of --only some, writes build/bench/.
set -eu
cd "$(dirname "$0")/../.."
build=build/release
out=docs/benchmarks
for word in "$@"; do
    case $word in
    --quick | --only* | --help | -h) out=build/bench ;;
    esac
done
cmake --preset release >/dev/null # CAF may be there now
cmake --build "$build" --target micro_runtime micro_blocks micro_caf
exec python3 stress/micro/micro.py --build "$build" --out "$out" "$@"
