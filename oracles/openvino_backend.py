"""OpenVINO on the CPU: a model of one operation a case."""

from __future__ import annotations

import sys
from typing import Any

import frames

try:
    from arrays import Inputs, Params, Unsupported, added, kept, pad_widths, running, windows

    import numpy
    import openvino
    from openvino import opset15 as ops
except ImportError as error:
    frames.fail(f"Python cannot import what it needs: {error}")

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
# In float32 throughout: on some processors the CPU plugin takes bfloat16 unless told otherwise.
CONFIG = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
CORE = openvino.Core()
# Then Pad gets all widths as they are.
IS_NATIVE = sys.argv[1] == "openvino-native"


def convolution(params: Params, x: Any, w: numpy.ndarray) -> Any:
    begins, ends = zip(*windows(params, w), strict=True)
    groups = params["groups"]
    arguments = (params["stride"], list(begins), list(ends), params["dilation"])
    if groups == 1:
        return ops.convolution(x, w, *arguments)
    return ops.group_convolution(x, w.reshape(groups, w.shape[0] // groups, *w.shape[1:]), *arguments)


def transposed_convolution(params: Params, x: Any, w: numpy.ndarray) -> Any:
    groups, padding = params["groups"], params["padding"]
    options = {
        "strides": params["stride"],
        "pads_begin": padding,
        "pads_end": padding,
        "dilations": params["dilation"],
        "output_padding": params["output_padding"],
    }
    if groups == 1:
        return ops.convolution_backprop_data(x, w, **options)
    kernel = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    return ops.group_convolution_backprop_data(x, kernel, **options)


def pad(params: Params, x: Any, shape: tuple[int, ...], dtype: numpy.dtype) -> Any:
    mode = params["mode"]
    if mode not in MODES:
        raise Unsupported(f"OpenVINO has no padding of mode {mode}")
    widths = pad_widths(params, len(shape))
    value = numpy.array(params["value"]).astype(dtype) if mode == "constant" else None
    if IS_NATIVE:
        return ops.pad(x, *ends_of(widths), MODES[mode], value)
    # Crops by themselves, after the rest: where it is to crop and to mirror or repeat at once, OpenVINO writes beyond its buffers.
    wide = ops.pad(x, *ends_of(added(widths)), MODES[mode], value)
    if min(map(min, widths)) >= 0:
        return wide
    sizes = [size + sum(more) for size, more in zip(shape, added(widths), strict=True)]
    places = kept(widths, tuple(sizes))
    starts, stops = ([getattr(place, end) for place in places] for end in ("start", "stop"))
    return ops.slice(wide, starts, stops, [1] * len(shape))


def ends_of(widths: list[tuple[int, int]]) -> tuple[numpy.ndarray, numpy.ndarray]:
    begins, ends = zip(*widths, strict=True)
    return numpy.array(begins, numpy.int64), numpy.array(ends, numpy.int64)


def node_of(op: str, params: Params, inputs: Inputs, x: Any) -> Any:
    given = inputs["input"]
    if op == "pad":
        if given.ndim == 0:
            raise Unsupported("OpenVINO pads no scalar")
        return pad(params, x, given.shape, given.dtype)
    result = (transposed_convolution if "transpose" in op else convolution)(params, x, inputs["weight"])
    bias = inputs.get("bias")
    return result if bias is None else ops.add(result, bias.reshape(1, -1, *[1] * (given.ndim - 2)))


def compute(op: str, params: Params, inputs: Inputs) -> Any:
    given = inputs["input"]
    if given.dtype == numpy.float64:
        raise Unsupported("OpenVINO's CPU plugin computes float64 in float32")
    x = ops.parameter(list(given.shape), given.dtype, name="input")
    model = openvino.Model([node_of(op, params, inputs, x)], [x], op)
    return CORE.compile_model(model, "CPU", CONFIG)([given])[0]


def main() -> None:
    version = openvino.get_version()
    frames.serve(
        {sys.argv[1]: running(compute)},
        {"version": version.split("-")[0], "flushesDenormals": True},
        {"openvino": version},
    )


if __name__ == "__main__":
    main()
