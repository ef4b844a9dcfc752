"""Frames and the server loop of PROTOCOL.md, for programs in Python. Standard library only."""

from __future__ import annotations

import ctypes
import gc
import json
import math
import os
import signal
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

REQUESTS_FD = 3
REPLIES_FD = 4
PROTOCOL = 1
MAGIC = 0x46445643
# Magic and checksum, and what of the rest of the header the checksum covers: request id, both lengths, zero.
START = struct.Struct("<2I")
COVERED = struct.Struct("<4I")
HEADER_BYTES = START.size + COVERED.size
MAX_JSON_BYTES = 2**20
MAX_DATA_BYTES = 2**30
BYTES_PER_ELEMENT = {"float32": 4, "float64": 8, "int32": 4}
READ_BYTES = 2**18
HELD_REPLIES = 64
HELD_SECONDS = 0.01

# Until it serves a process imports, and nothing of that is garbage: to look for some takes a quarter of PyTorch's start.
gc.disable()


class Tensor(NamedTuple):
    """A tensor as it travels: row-major elements, little-endian."""

    dtype: str
    shape: list[int]
    data: bytes | bytearray | memoryview


class Frame(NamedTuple):
    request_id: int
    header: dict[str, Any]
    tensors: dict[str, Tensor]


# Runs a case, by its operator, parameters and tensors; returns the reply's JSON and its tensors.
Run = Callable[[str, dict[str, Any], dict[str, Tensor]], tuple[dict[str, Any], dict[str, Tensor]]]


class FrameError(Exception):
    """The bytes are no frame."""


def align(length: int) -> int:
    return (length + 7) & ~7


def encode(request_id: int, header: dict[str, Any], tensors: dict[str, Tensor] | None = None) -> bytes:
    """The bytes of one frame; its JSON is `header` with a list of the tensors added."""
    parts = []
    if tensors:
        listed = [{"name": name, "dtype": t.dtype, "shape": list(t.shape)} for name, t in tensors.items()]
        header = {**header, "tensors": listed}
        for tensor in tensors.values():
            data = bytes(tensor.data)
            parts.append(data.ljust(align(len(data)), b"\0"))
    text = json.dumps(header).encode()
    data = b"".join(parts)
    covered = COVERED.pack(request_id, len(text), len(data), 0) + text.ljust(align(len(text)), b"\0") + data
    return START.pack(MAGIC, zlib.crc32(covered)) + covered


def frame_length(head: bytes | bytearray, start: int = 0) -> int:
    """The length of the frame that begins at `start`; refuses a size before anything is allocated for it."""
    magic, _ = START.unpack_from(head, start)
    _, json_length, data_length, _ = COVERED.unpack_from(head, start + START.size)
    if magic != MAGIC:
        raise FrameError("bytes that do not begin with the magic number")
    if json_length > MAX_JSON_BYTES or data_length > MAX_DATA_BYTES:
        raise FrameError(f"a frame that is too large: {json_length} bytes of JSON, {data_length} of tensors")
    return HEADER_BYTES + align(json_length) + data_length


def decode(frame: bytearray) -> Frame:
    """Reads one whole frame."""
    _, checksum = START.unpack_from(frame)
    request_id, json_length, _, _ = COVERED.unpack_from(frame, START.size)
    view = memoryview(frame)
    if zlib.crc32(view[START.size :]) != checksum:
        raise FrameError("a frame with a wrong checksum")
    header = json.loads(str(view[HEADER_BYTES : HEADER_BYTES + json_length], "utf-8"))
    tensors = {}
    at = HEADER_BYTES + align(json_length)
    for entry in header.get("tensors", []):
        name, dtype, shape = entry["name"], entry["dtype"], entry["shape"]
        if shape and min(shape) < 0:
            raise FrameError(f"tensor {name} has a negative size")
        length = math.prod(shape) * BYTES_PER_ELEMENT[dtype]
        if at + length > len(frame):
            raise FrameError(f"tensor {name} is longer than its frame")
        tensors[name] = Tensor(dtype, shape, view[at : at + length])
        at += align(length)
    if at != len(frame):
        raise FrameError("tensors that do not fill their frame")
    return Frame(request_id, header, tensors)


def write(data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(REPLIES_FD, view) :]


class Replies:
    """Replies on their way out: held back until there are HELD_REPLIES, or HELD_SECONDS since the first."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.count = 0
        self.since = 0.0

    def add(self, frame: bytes) -> None:
        if self.count == 0:
            self.since = time.monotonic()
        self.held += frame
        self.count += 1
        if self.count >= HELD_REPLIES or time.monotonic() - self.since >= HELD_SECONDS:
            self.flush()

    def flush(self) -> None:
        write(self.held)
        self.held = bytearray()
        self.count = 0


def read_frames(before_waiting: Callable[[], None] = lambda: None) -> Iterator[Frame]:
    """The frames on the requests' file descriptor, until it is closed."""
    pending = bytearray()
    while True:
        start = 0
        while len(pending) - start >= HEADER_BYTES:
            wanted = frame_length(pending, start)
            if len(pending) - start < wanted:
                break
            yield decode(pending[start : start + wanted])
            start += wanted
        del pending[:start]
        before_waiting()
        piece = os.read(REQUESTS_FD, READ_BYTES)
        if not piece:
            return
        pending += piece


def fail(reason: str) -> None:
    """Says in place of a hello why this process cannot work, and ends it."""
    write(encode(0, {"type": "failed", "reason": reason}))
    sys.exit(1)


def die_with_parent() -> None:
    """On Linux, has the kernel end this process when its parent is gone, also while it hangs in native code."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def serve(
    backends: dict[str, Run],
    about: dict[str, Any],
    versions: dict[str, str],
) -> None:
    """Says hello and answers requests one after the other until they end.

    `backends`: each one's name and what runs its cases; `about`: what else the hello says of each, such as its version.
    """
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    listed = [{"name": name, **about} for name in backends]
    write(encode(0, {"type": "hello", "protocol": PROTOCOL, "backends": listed, "versions": versions}))
    runs = list(backends.values())
    replies = Replies()
    for frame in read_frames(replies.flush):
        run = runs[frame.header.get("backend", 0)]
        header, tensors = run(frame.header["op"], frame.header["params"], frame.tensors)
        replies.add(encode(frame.request_id, header, tensors))
