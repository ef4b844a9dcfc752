"""TensorFlow's Python: `tf.nn` with explicit padding. Channels last, padding VALID, and what that gives padded or cropped."""

from __future__ import annotations

import sys
from typing import Any

import frames

try:
    from arrays import Inputs, Params, padded, running, windows

    import numpy
    import tensorflow as tf
except ImportError as error:
    frames.fail(f"Python cannot import what it needs: {error}")

# Then what TensorFlow is known to get wrong is gone round.
IS_ORACLE = sys.argv[1] == "oracle"
TRANSPOSED = {1: tf.nn.conv1d_transpose, 2: tf.nn.conv2d_transpose, 3: tf.nn.conv3d_transpose}


def channels_last(x: Any) -> Any:
    return tf.transpose(x, [0, *range(2, len(x.shape)), 1])


def channels_second(x: Any) -> Any:
    return tf.transpose(x, [0, len(x.shape) - 1, *range(1, len(x.shape) - 1)])


def with_axis(sizes: list[int], axis: int, size: int) -> list[int]:
    return [size if at == axis else other for at, other in enumerate(sizes)]


def convolution(params: Params, inputs: Inputs) -> Any:
    """Zeros around the input, then a VALID convolution."""
    x, w = channels_last(tf.constant(inputs["input"])), inputs["weight"]
    x = tf.pad(x, [(0, 0), *windows(params, w), (0, 0)])
    strides, dilations = params["stride"], params["dilation"]
    # (Cout, Cin / groups, …) to (…, Cin / groups, Cout).
    kernel = tf.transpose(tf.constant(w), [*range(2, w.ndim), 1, 0])
    parts = zip(tf.split(x, params["groups"], -1), tf.split(kernel, params["groups"], -1), strict=True)
    return tf.concat([valid(one, its, strides, dilations) for one, its in parts], -1)


def valid(x: Any, w: Any, strides: list[int], dilations: list[int]) -> Any:
    """Taps of a dilated axis become channels where TensorFlow has no dilation: of three axes on the CPU, and with strides."""
    has_dilation = len(dilations) < 3 and max(strides) == 1
    for axis, dilation in enumerate(dilations):
        size = w.shape[axis]
        if has_dilation or dilation == 1:
            continue
        span = x.shape[axis + 1] - dilation * (size - 1)
        taps = [tf.slice(x, *window(x, axis, tap * dilation, span)) for tap in range(size)]
        x = tf.concat(taps, -1)
        last = len(w.shape) - 2
        order = [*[at for at in range(last) if at != axis], axis, last, last + 1]
        folded = [*with_axis(list(w.shape[:last]), axis, 1), size * w.shape[last], w.shape[last + 1]]
        w = tf.reshape(tf.transpose(w, order), folded)
        dilations = with_axis(dilations, axis, 1)
    return tf.nn.convolution(x, w, strides, "VALID", dilations=dilations)


def window(x: Any, axis: int, start: int, length: int) -> tuple[list[int], list[int]]:
    """Where a stretch of a spatial axis begins, and its size, for tf.slice."""
    begin = with_axis([0] * len(x.shape), axis + 1, start)
    return begin, with_axis(list(x.shape), axis + 1, length)


def transposed_convolution(params: Params, inputs: Inputs) -> Any:
    """All of the result with `tf.nn.conv*_transpose`, padding VALID; then `padding` cropped, `output_padding` appended."""
    x, w = channels_last(tf.constant(inputs["input"])), inputs["weight"]
    # (Cin, Cout / groups, …) to (…, Cout / groups, Cin).
    kernel = tf.transpose(tf.constant(w), [*range(2, w.ndim), 1, 0])
    parts = zip(tf.split(x, params["groups"], -1), tf.split(kernel, params["groups"], -1), strict=True)
    whole = tf.concat([full(one, its, params["stride"], params["dilation"]) for one, its in parts], -1)
    for axis, (crop, more) in enumerate(zip(params["padding"], params["output_padding"], strict=True)):
        wanted = whole.shape[axis + 1] - 2 * crop + more
        widths = with_axis([(0, 0)] * len(whole.shape), axis + 1, (0, max(0, more - crop)))
        whole = tf.pad(whole, widths)
        whole = tf.slice(whole, *window(whole, axis, crop, wanted))
    return whole


def full(x: Any, w: Any, strides: list[int], dilations: list[int]) -> Any:
    """A dilated axis tap by tap, since `tf.nn.conv*_transpose` dilates nothing on the CPU: each moved to its place, and added up."""
    for axis, dilation in enumerate(dilations):
        size = w.shape[axis]
        if dilation == 1 or size == 1:
            continue
        total = dilation * (size - 1)
        moved = []
        for tap, kernel in enumerate(tf.split(w, size, axis)):
            one = full(x, kernel, strides, with_axis(dilations, axis, 1))
            widths = with_axis([(0, 0)] * len(one.shape), axis + 1, (tap * dilation, total - tap * dilation))
            moved.append(tf.pad(one, widths))
        return tf.add_n(moved)
    axes = zip(x.shape[1:-1], strides, w.shape[:-2], strict=True)
    shape = [x.shape[0], *[(size - 1) * stride + kernel for size, stride, kernel in axes], w.shape[-2]]
    return TRANSPOSED[len(strides)](x, w, shape, strides[0] if len(strides) == 1 else strides, padding="VALID")


def framed(x: Any, widths: list[tuple[int, int]], value: float) -> Any:
    """As tf.pad, which takes a value of -0 for 0."""
    for axis, ends in enumerate(widths):
        before, after = (tf.fill(with_axis(list(x.shape), axis, size), tf.cast(value, x.dtype)) for size in ends)
        x = tf.concat([before, x, after], axis)
    return x


def pad(x: Any, widths: list[tuple[int, int]], mode: str, value: float) -> Any:
    if mode == "constant" and IS_ORACLE:
        return framed(x, widths, value)
    if mode == "constant":
        return tf.pad(x, numpy.reshape(widths, (-1, 2)), constant_values=value)
    if mode == "reflect":
        return tf.pad(x, widths, mode="REFLECT")
    for axis, (before, after) in enumerate(widths):
        places = numpy.arange(-before, x.shape[axis] + after)
        size = x.shape[axis]
        x = tf.gather(x, places % size if mode == "circular" else places.clip(0, size - 1), axis=axis)
    return x


def compute(op: str, params: Params, inputs: Inputs) -> Any:
    if op == "pad":
        return padded(pad, params, tf.constant(inputs["input"]), str(inputs["input"].dtype))
    result = (transposed_convolution if "transpose" in op else convolution)(params, inputs)
    if "bias" in inputs:
        result = tf.nn.bias_add(result, tf.constant(inputs["bias"]))
    return channels_second(result).numpy()


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # Which kernels oneDNN replaces is said where it is started, by TF_ENABLE_ONEDNN_OPTS.
    frames.serve(
        {sys.argv[1]: running(compute)},
        {"version": tf.__version__, "flushesDenormals": True},
        {"tensorflow": tf.__version__, "numpy": numpy.__version__},
    )


if __name__ == "__main__":
    main()
