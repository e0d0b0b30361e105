# SPDX-License-Identifier: Apache-2.0
"""How the two runtimes execute the compute nodes of a model: the truth for `quern check`."""
import pathlib
import tempfile

import quern
from quern import kernels
from kernels import rename


def in_ort(path, _=()):
    """Names of nodes to "integer", "float" or "dequantizes" (its weight, at each run)."""
    with tempfile.TemporaryDirectory() as directory:
        dump = pathlib.Path(directory) / "optimized.onnx"
        quern.ort_session(path, dump=dump)
        return kernels.in_ort(dump)


def in_openvino(path, kinds=()):
    """The same; "dequantizes" is a packed weight in a float kernel."""
    return kernels.in_openvino(quern.OpenVino(path).model, kinds)
