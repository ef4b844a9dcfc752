"""The oracle's own house: torch.nn.functional in the dtype that a case has, with oneDNN's kernels and without, as its name says."""

from __future__ import annotations

import platform
import sys
import warnings
from typing import Any

import frames
import torch_oracle

import torch


def run(op: str, params: dict[str, Any], tensors: dict[str, frames.Tensor]):
    return torch_oracle.run(op, params, torch_oracle.operands(tensors, in_float64=False))


def run_without_onednn(op: str, params: dict[str, Any], tensors: dict[str, frames.Tensor]):
    with torch.backends.mkldnn.flags(enabled=False):
        return run(op, params, tensors)


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    name = sys.argv[1]
    with torch.inference_mode():
        backends = {name: run if name.endswith("-onednn") else run_without_onednn}
        frames.serve(backends, {"version": torch.__version__, "strict": True}, {"python": platform.python_version()})


if __name__ == "__main__":
    main()
