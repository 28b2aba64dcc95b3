#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns the wire vectors into a corpus for protocol_fuzz: protocol_seeds.py VECTORS CORPUS"""

import pathlib
import re
import sys

# As the enumeration in protocol_fuzz.c.
REQUEST, RESPONSE, BATCHES, RECORDS, GZIP = range(5)
BATCH_HEADER_SIZE = 61
API_INDEX = {
    "produce": 0,
    "fetch": 1,
    "list_offsets": 2,
    "metadata": 3,
    "find_coordinator": 4,
    "api_versions": 5,
    "init_producer_id": 6,
}


def seeds_of(file):
    for line in file.read_text().splitlines():
        name, _, digits = line.partition(" ")
        data = bytes.fromhex(digits)
        message = re.match(r"(request|response)\.v(\d+)\.", name)
        if message and message[1] == "request":
            yield name, bytes([REQUEST, 0, 0]) + data[4:]
        elif message:
            yield name, bytes([RESPONSE, API_INDEX[file.stem], int(message[2])]) + data[4:]
        else:
            kind = GZIP if name.startswith("gzip") else RECORDS
            yield name, bytes([BATCHES, 0, 0]) + data
            yield name + ".records", bytes([kind, 0, 0]) + data[BATCH_HEADER_SIZE:]


def main():
    vectors, corpus = map(pathlib.Path, sys.argv[1:])
    corpus.mkdir(parents=True, exist_ok=True)
    for stem in [*API_INDEX, "batch"]:
        for name, seed in seeds_of(vectors / f"{stem}.txt"):
            (corpus / f"{stem}.{name}").write_bytes(seed)


if __name__ == "__main__":
    main()
