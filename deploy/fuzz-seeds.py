#!/usr/bin/env python3
"""Cuts captures into small ones that a fuzzer can change quickly: fuzz-seeds.py CORPUS CAPTURE...

Each has the header and the short blocks of metadata of its capture, and some events in a row from anywhere in it."""

import gzip
import pathlib
import struct
import sys

WINDOWS = 24
WINDOW_BYTES_MAX = 6_000
METADATA_BLOCK_BYTES_MAX = 1_500
EVENTS = {0x204, 0x208, 0x216, 0x217, 0x221, 0x222}


def blocks(data):
    """Yields type and bytes of each whole block."""
    at = 0
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if length < 12 or at + length > len(data):
            return
        yield kind, data[at : at + length]
        at += length


def seeds(data):
    """Yields the small captures of one."""
    metadata, events = [], []
    for kind, block in blocks(data):
        if kind in EVENTS:
            events.append(block)
        elif len(block) <= METADATA_BLOCK_BYTES_MAX:
            metadata.append(block)
    for first in range(0, len(events), max(1, len(events) // WINDOWS)):
        window, size = [], 0
        for event in events[first:]:
            size += len(event)
            if size > WINDOW_BYTES_MAX:
                break
            window.append(event)
        yield b"".join([*metadata[:8], *window])


def main():
    corpus = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        data = pathlib.Path(name).read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        stem = "-".join(pathlib.Path(name).parts[-2:])
        for number, seed in enumerate(seeds(data)):
            (corpus / f"seed-{stem}-{number}").write_bytes(seed)


main()
