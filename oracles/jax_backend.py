"""JAX on the CPU: `lax.conv_general_dilated` for both kinds of convolution, and `jnp.pad`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import frames

try:
    from arrays import Inputs, Params, Unsupported, crops, padded, running, windows

    import jax
    from jax import lax
    from jax import numpy as jnp
except ImportError as error:
    frames.fail(f"Python cannot import what it needs: {error}")

LAYOUTS = {3: ("NCH", "OIH", "NCH"), 4: ("NCHW", "OIHW", "NCHW"), 5: ("NCDHW", "OIDHW", "NCDHW")}
MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def convolution(params: Params, inputs: Inputs) -> Any:
    x, w = inputs["input"], inputs["weight"]
    return general(params, x, w, windows(params, w), strides=params["stride"], gaps=[1] * (x.ndim - 2))


def transposed_convolution(params: Params, inputs: Inputs) -> Any:
    """As a convolution of the input with its elements a stride apart, with the kernel mirrored: no padding means all of it."""
    x, w = inputs["input"], inputs["weight"]
    groups = params["groups"]
    channels, per_group = w.shape[:2]
    # (Cin, Cout / groups, …) to (Cout, Cin / groups, …), group by group.
    kernel = jnp.reshape(w, (groups, channels // groups, per_group, *w.shape[2:])).swapaxes(1, 2)
    kernel = jnp.reshape(kernel, (groups * per_group, channels // groups, *w.shape[2:]))
    kernel = jnp.flip(kernel, range(2, x.ndim))
    return general(params, x, kernel, crops(params, w), strides=[1] * (x.ndim - 2), gaps=params["stride"])


def general(params: Params, x: Any, w: Any, padding: list[tuple[int, int]], strides: list[int], gaps: list[int]) -> Any:
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=strides,
        padding=padding,
        lhs_dilation=gaps,
        rhs_dilation=params["dilation"],
        dimension_numbers=LAYOUTS[x.ndim],
        feature_group_count=params["groups"],
        precision=lax.Precision.HIGHEST,
    )


def pad(x: Any, widths: list[tuple[int, int]], mode: str, value: float) -> Any:
    if mode == "constant":
        return jnp.pad(x, widths, constant_values=value)
    return jnp.pad(x, widths, mode=MODES[mode])


def compute(op: str, params: Params, inputs: Inputs) -> Any:
    if op == "pad":
        if inputs["input"].ndim == 0:
            raise Unsupported("jnp.pad takes no scalar")
        return padded(pad, params, jnp.asarray(inputs["input"]), str(inputs["input"].dtype))
    result = (transposed_convolution if "transpose" in op else convolution)(params, inputs)
    bias = inputs.get("bias")
    return result if bias is None else result + jnp.reshape(bias, (1, -1, *[1] * (result.ndim - 2)))


def main() -> None:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    versions = {name: version(name) for name in ("jax", "jaxlib", "numpy")}
    frames.serve({"jax": running(compute)}, {"version": jax.__version__, "flushesDenormals": True}, versions)


if __name__ == "__main__":
    main()
