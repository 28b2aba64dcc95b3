#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The table of seeds that were run, stress/sim/seeds.tsv: which code, which seeds, how many failed.
#
#   seeds.sh code                 a hash of the code under test, as it lies here
#   seeds.sh run PROGRAM SECONDS  goes on with seeds that nobody ran yet, on all cores, and notes it
#   seeds.sh check                what was run of exactly this code; fails when some seed failed
set -eu -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
table=stress/sim/seeds.tsv

# Below are the seeds of the tests.
first_free=1000001

code() {
    find actors broker include protocol runtime -type f \
        \( -name '*.[ch]' -o -name '*.def' \) -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16
}

run() {
    local program=$1 seconds=$2 first said status=0 numbers last failed commit
    first=$(awk -F'\t' -v next_seed="$first_free" \
        '!/^#/ && $5 >= next_seed { next_seed = $5 + 1 } END { printf "%d", next_seed }' "$table")
    said=$(mktemp)
    "$program" --jobs 0 --seconds "$seconds" --seeds "$first..9999999999" >"$said" || status=$?
    numbers=$(sed -n 's/^range \([0-9]*\) \([0-9]*\) failed \([0-9]*\)$/\2 \3/p' "$said")
    rm -f "$said"
    read -r last failed <<<"$numbers"
    commit=$(git describe --always --dirty 2>/dev/null || echo -)
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(code)" "$commit" "$(date -u +%Y-%m-%d)" \
        "$first" "$last" "$failed" >>"$table"
    check || true
    return "$status"
}

check() {
    awk -F'\t' -v code="$(code)" '
        !/^#/ && $1 == code { seeds += $5 - $4 + 1; failed += $6 }
        END {
            printf "%d seeds of this very code (%s) were run, %d failed\n", seeds, code, failed
            exit failed > 0
        }' "$table"
}

case ${1:-} in
code) code ;;
run) run "$2" "$3" ;;
check) check ;;
*)
    sed -n '3,7s/^# //p' "$0" >&2
    exit 2
    ;;
esac
