"""A backend in Python, with NumPy: convolutions over any number of axes. Speaks oracles/PROTOCOL.md.

    npm run -s convdiff -- fuzz --backend 'exec:python3 docs/examples/numpy_backend.py' --op conv1d,conv2d,conv3d
"""

import json
import os
import struct
import zlib

import numpy as np

REQUESTS, REPLIES = 3, 4
MAGIC, HEADER = 0x46445643, 24


def aligned(length):
    return (length + 7) & ~7


def read(count):
    """So many bytes of the requests, or what there is before they end."""
    data = b""
    while len(data) < count and (piece := os.read(REQUESTS, count - len(data))):
        data += piece
    return data


def receive():
    """The next request's id, JSON and tensors; None where there are no more."""
    head = read(HEADER)
    if len(head) < HEADER:
        return None
    magic, checksum, request, json_length, data_length, _ = struct.unpack("<6I", head)
    assert magic == MAGIC and json_length <= 2**20 and data_length <= 2**30
    body = read(aligned(json_length) + data_length)
    assert zlib.crc32(head[8:] + body) == checksum
    header = json.loads(body[:json_length])
    tensors, at = {}, aligned(json_length)
    for tensor in header.get("tensors", []):
        dtype, shape = np.dtype(tensor["dtype"]), tensor["shape"]
        count = int(np.prod(shape, dtype=int))
        tensors[tensor["name"]] = np.frombuffer(body, dtype, count, at).reshape(shape)
        at += aligned(count * dtype.itemsize)
    return request, header, tensors


def send(request, header, output=None):
    data = b""
    if output is not None:
        header["tensors"] = [{"name": "output", "dtype": str(output.dtype), "shape": list(output.shape)}]
        data = output.tobytes()
        data = data.ljust(aligned(len(data)), b"\0")
    text = json.dumps(header).encode()
    rest = struct.pack("<4I", request, len(text), len(data), 0) + text.ljust(aligned(len(text)), b"\0") + data
    frame = struct.pack("<2I", MAGIC, zlib.crc32(rest)) + rest
    while frame:
        frame = frame[os.write(REPLIES, frame) :]


def convolve(params, x, w, bias=None):
    """x (N, Cin, S), w (Cout, Cin / groups, K), bias (Cout) or None, each with as many spatial axes; gives (N, Cout, O)."""
    strides, dilations, groups = params["stride"], params["dilation"], params["groups"]
    kernel, axes = w.shape[2:], range(len(strides))
    spans = [dilations[a] * (kernel[a] - 1) for a in axes]
    match params["padding"]:
        case "valid":
            widths = [(0, 0) for _ in axes]
        case "same":
            widths = [(span // 2, span - span // 2) for span in spans]
        case padding:
            widths = [(size, size) for size in padding]
    x = np.pad(x, [(0, 0), (0, 0), *widths])
    sizes = [(x.shape[2 + a] - spans[a] - 1) // strides[a] + 1 for a in axes]
    x = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
    w = w.reshape(groups, -1, *w.shape[1:])
    result = np.zeros((x.shape[0], groups, w.shape[1], *sizes), x.dtype)
    for tap in np.ndindex(*kernel):
        starts = [tap[a] * dilations[a] for a in axes]
        ends = [starts[a] + (sizes[a] - 1) * strides[a] + 1 for a in axes]
        window = tuple(slice(*parts) for parts in zip(starts, ends, strides, strict=True))
        result += np.einsum("ngi...,goi->ngo...", x[:, :, :, *window], w[:, :, :, *tap])
    result = result.reshape(x.shape[0], -1, *sizes)
    return result if bias is None else result + bias.reshape(-1, *[1 for _ in axes])


send(0, {"type": "hello", "protocol": 1, "backends": [{"name": "numpy", "version": np.__version__}], "versions": {}})
while (message := receive()) is not None:
    request, header, tensors = message
    if header["op"] not in ("conv1d", "conv2d", "conv3d"):
        send(request, {"type": "unsupported", "reason": f"{header['op']} is not written yet"})
    else:
        send(request, {"type": "ok"}, convolve(header["params"], tensors["input"], tensors["weight"], tensors.get("bias")))
