#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# expect_red.sh PROGRAM WORDS...: passes when the program fails and says exactly these words.
program=$1
shift

output=$("$program" 2>&1)
status=$?
echo "$output"
echo "seen: status $status, expected any but 0"
[[ $status -ne 0 ]] || exit 1
for words in "$@"; do
    echo "expected: \"$words\""
    [[ $output == *"$words"* ]] || exit 1
done
