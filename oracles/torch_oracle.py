"""The oracle: torch.nn.functional in float64, on the exact values that the backends get."""

from __future__ import annotations

import platform
import time
import warnings
from importlib.metadata import version
from typing import Any

import frames

try:
    import numpy
    import torch
    import torch.nn.functional as F

    numpy_version = version("numpy")
except ImportError as error:
    # A package that is installed without its metadata counts as missing as well.
    frames.fail(f"Python cannot import what it needs: {error}")

CONVOLUTION = {"stride", "padding", "dilation", "groups"}
TRANSPOSED = CONVOLUTION | {"output_padding"}
FUNCTIONS = {
    "conv1d": (F.conv1d, CONVOLUTION),
    "conv2d": (F.conv2d, CONVOLUTION),
    "conv3d": (F.conv3d, CONVOLUTION),
    "conv_transpose1d": (F.conv_transpose1d, TRANSPOSED),
    "conv_transpose2d": (F.conv_transpose2d, TRANSPOSED),
    "conv_transpose3d": (F.conv_transpose3d, TRANSPOSED),
    "pad": (F.pad, {"pad", "mode", "value"}),
}
# These only copy: computed in the dtype that they are given, they are exact.
COPYING = {"pad"}
DTYPES = {name: numpy.dtype(name).newbyteorder("<") for name in ("float32", "float64", "int32")}
NAMES = {torch.float32: "float32", torch.float64: "float64", torch.int32: "int32"}
# What PyTorch raises where it refuses a call; anything else is a defect here and ends the process.
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError)


def operands(tensors: dict[str, frames.Tensor], in_float64: bool) -> dict[str, torch.Tensor]:
    converted = {}
    for name, (dtype, shape, data) in tensors.items():
        # By way of NumPy, which takes half the time of torch.frombuffer and reads empty buffers too.
        array = numpy.frombuffer(data, DTYPES[dtype]).reshape(shape)
        converted[name] = torch.from_numpy(array.astype(numpy.float64) if in_float64 else array)
    return converted


def run_in_float64(op: str, params: dict[str, Any], tensors: dict[str, frames.Tensor]):
    """Floating tensors in float64, which holds every float32; mixed dtypes stay, for PyTorch to judge."""
    as_given = op.partition("_grad_")[0] in COPYING or len({tensor.dtype for tensor in tensors.values()}) > 1
    return run(op, params, operands(tensors, not as_given))


def gradient(function, by: str, tensors: dict[str, torch.Tensor], params: dict[str, Any]) -> torch.Tensor:
    """Of the sum of grad_output times the function's result, by one of its operands."""
    grad_output = tensors.pop("grad_output")
    if by not in tensors:
        raise ValueError(f"there is no {by} to differentiate by")
    with torch.inference_mode(False):
        # Tensors that were made in inference mode have no gradients, and copies of them do.
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        copies[by].requires_grad_()
        result = function(**copies, **params)
        (found,) = torch.autograd.grad(result, copies[by], grad_output.clone())
    return found


def run(op: str, params: dict[str, Any], given: dict[str, torch.Tensor]):
    base, _, by = op.partition("_grad_")
    function, allowed = FUNCTIONS[base]
    unknown = set(params) - allowed
    if unknown:
        raise KeyError(f"{op} has no parameter {sorted(unknown)}")
    if isinstance(params.get("value"), str):
        params = {**params, "value": float(params["value"])}
    started = time.perf_counter()
    try:
        result = gradient(function, by, given, params) if by else function(**given, **params)
    except REFUSALS as error:
        return {"type": "rejected", "reason": str(error).split("\n")[0]}, {}
    data = result.contiguous().numpy().tobytes()
    seconds = time.perf_counter() - started
    return {"type": "ok", "seconds": seconds}, {"output": frames.Tensor(NAMES[result.dtype], list(result.shape), data)}


def main() -> None:
    # With two threads small convolutions are many times slower.
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy_version}
    with torch.inference_mode():
        frames.serve({"torch": run_in_float64}, {"version": torch.__version__, "strict": True}, versions)


if __name__ == "__main__":
    main()
