"""What the backends in Python have in common: cases as NumPy arrays, refusals, and an eye on the inputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import frames

import numpy

Params = dict[str, Any]
Inputs = dict[str, numpy.ndarray]
# An operator's result; an exception means that the framework refuses the call.
Compute = Callable[[str, Params, Inputs], Any]


class Unsupported(Exception):
    """The framework has no such call. Its text is the reason."""


def running(compute: Compute) -> frames.Run:
    """Runs cases with a function on arrays."""

    def run(op: str, params: Params, tensors: dict[str, frames.Tensor]):
        before = {name: bytes(tensor.data) for name, tensor in tensors.items()}
        arrays = {
            name: numpy.frombuffer(tensor.data, numpy.dtype(tensor.dtype)).reshape(tensor.shape)
            for name, tensor in tensors.items()
        }
        if "value" in params:
            # JSON's 6e19 may be an int here, and no int64 holds it.
            params = {**params, "value": float(params["value"])}
        try:
            if "_grad_" in op:
                raise Unsupported("gradients are not written for this backend")
            started = time.perf_counter()
            result, problem = numpy.asarray(compute(op, params, arrays), order="C"), None
            seconds = time.perf_counter() - started
        except Unsupported as error:
            problem = {"type": "unsupported", "reason": str(error)}
        except Exception as error:  # noqa: BLE001 whatever a framework raises is a refusal
            text = " ".join(str(error).split())
            problem = {"type": "rejected", "reason": f"{type(error).__name__}: {text[:300]}"}
        changed = [name for name, tensor in tensors.items() if bytes(tensor.data) != before[name]]
        if changed:
            return {"type": "side-effect", "changed": changed}, {}
        if problem is not None:
            return problem, {}
        return {"type": "ok", "seconds": seconds}, {
            "output": frames.Tensor(str(result.dtype), list(result.shape), result.tobytes())
        }

    return run


def windows(params: Params, weight: numpy.ndarray) -> list[tuple[int, int]]:
    """How many zeros a convolution puts before and after each spatial axis. `same` puts the odd one after."""
    kernel, padding = weight.shape[2:], params["padding"]
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        spans = [dilation * (size - 1) for dilation, size in zip(params["dilation"], kernel, strict=True)]
        return [(span // 2, span - span // 2) for span in spans]
    return [(size, size) for size in padding]


def crops(params: Params, weight: numpy.ndarray) -> list[tuple[int, int]]:
    """The same for a transposed convolution, as one over the input with its elements a stride apart. Negative: cropped."""
    axes = zip(params["dilation"], weight.shape[2:], params["padding"], params["output_padding"], strict=True)
    return [(d * (k - 1) - p, d * (k - 1) - p + more) for d, k, p, more in axes]


def pad_widths(params: Params, rank: int) -> list[tuple[int, int]]:
    """Before and after of every axis, the first axis first."""
    given = params["pad"]
    last_first = [(given[i], given[i + 1]) for i in range(0, len(given), 2)]
    return [(0, 0)] * (rank - len(last_first)) + last_first[::-1]


def added(widths: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(max(before, 0), max(after, 0)) for before, after in widths]


def kept(widths: list[tuple[int, int]], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """What negative widths leave of a shape."""
    return tuple(
        slice(max(-before, 0), size - max(-after, 0)) for (before, after), size in zip(widths, shape, strict=True)
    )


def padded(pad: Callable[[Any, list[tuple[int, int]], str, float], Any], params: Params, x: Any, dtype: str) -> Any:
    """PyTorch's padding with a framework's own, which adds 0 or more: `pad(x, widths, mode, value)`."""
    widths, mode = pad_widths(params, len(x.shape)), params["mode"]
    value = params["value"]
    if dtype == "int32":
        # Where it is no number that an int32 holds, nothing is added.
        value = int(value) if -(2**31) <= value < 2**31 else 0
    if mode == "circular":
        # Round and round what is left.
        return pad(x[kept(widths, tuple(x.shape))], added(widths), mode, value)
    wide = pad(x, added(widths), mode, value)
    return wide[kept(widths, tuple(wide.shape))]
