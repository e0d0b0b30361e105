# SPDX-License-Identifier: Apache-2.0
"""ONNX's own tests of single operators; how they count is said in onnx_cases.py.

    tests/tap.py tests/ops/node_tests.py [PATTERN...]
"""
import unittest

import onnx_cases
from onnx_cases import np, numpy_helper, onnx

from onnx.backend.test.case import node as cases


def is_list(info):
    return info.type.HasField("sequence_type")


def as_message(value, info):
    """The value as the message that a file of the test data holds."""
    if not is_list(info):
        return onnx_cases.as_tensor(value, info.name)
    sequence = onnx.SequenceProto(name=info.name, elem_type=onnx.SequenceProto.TENSOR)
    sequence.tensor_values.extend(onnx_cases.as_tensor(one, "") for one in value)
    return sequence


def as_arrays(value, info):
    """The value under the keys that quern gives it."""
    if not is_list(info):
        return {info.name: numpy_helper.to_array(onnx_cases.as_tensor(value, info.name))}
    return {f"{info.name}[{i}]": np.asarray(one) for i, one in enumerate(value)}


class NodeCase(onnx_cases.Case):
    def __init__(self, case):
        self.case, self.rtol, self.atol = case, case.rtol, case.atol
        self.operator = case.model.graph.node[0].op_type

    def write(self, directory):
        """In the layout that ONNX gives its test data."""
        graph = self.case.model.graph
        onnx.save(self.case.model, directory / "model.onnx")
        inputs, outputs = self.case.data_sets[0]
        data = directory / "test_data_set_0"
        data.mkdir()
        for i, (value, info) in enumerate(zip(inputs, graph.input)):
            (data / f"input_{i}.pb").write_bytes(as_message(value, info).SerializeToString())
        want = {}
        for value, info in zip(outputs, graph.output):
            want.update(as_arrays(value, info))
        return want


class Node(unittest.TestCase):
    """One test a case."""


tearDownModule = onnx_cases.print_outcomes

for one in cases.collect_testcases(None):
    setattr(Node, one.name, onnx_cases.make_test(NodeCase(one)))
