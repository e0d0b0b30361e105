# SPDX-License-Identifier: Apache-2.0
"""Layers that stay float among quantized ones are float in ONNX Runtime, which would quantize their
weights itself."""
import pathlib
import tempfile
import unittest

import numpy as np
import quern


class Apart(unittest.TestCase):
    def test_between_codes(self):
        net = quern.Net(5)
        x = net.input(2, 4, 9)
        for kind, shape in (("Conv", (8, 4, 3)), ("Conv", (8, 8, 3)), ("ConvTranspose", (8, 8, 2)),
                            ("Conv", (8, 8, 1))):
            weight = net.random.normal(0, 0.3, shape) * 4.0 ** -np.arange(shape[0])[:, None, None]
            x = net.node("Relu", net.node(kind, x, net.constant(weight, np.float32),
                                          net.bias(8)))
        x = net.node("Flatten", x)
        x = net.node("Relu", net.node("Gemm", x, net.weight(48, 10), net.bias(10)))
        net.output(net.node("Abs", net.node("Gemm", x, net.weight(10, 5), net.bias(5))))
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            model, out = net.save(directory / "model.onnx"), directory / "int8.onnx"
            samples = net.samples(12)
            data = quern.write_samples(directory / "data", samples)
            for form in "qdq", "qoperator":
                quern.run("quantize", model, "--data", data, "-o", out, "--format", form,
                          "--skip-node", "Conv_2", "--skip-node", "Gemm_9", "--min-sqnr", "0")
                for a, b in zip(quern.simulate(out, data), quern.ort_run(out, samples)):
                    for name in b:
                        self.assertLess(quern.relative_difference(a[name], b[name]), 1e-4)
                kinds = quern.ort_operators(out)
                self.assertEqual(kinds["QLinearConv"], 2)
                self.assertEqual(kinds["Conv"] + kinds["FusedConv"], 1)
                self.assertEqual(kinds["QGemm"], 1)


if __name__ == "__main__":
    unittest.main()
