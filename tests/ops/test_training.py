# SPDX-License-Identifier: Apache-2.0
"""What only training needs is refused, by a text that names what asked for it; what merely could
train, and does not, runs."""
import unittest

from single import Refused, np, one_node, run_quern

X = np.arange(12, dtype=np.float32).reshape(4, 3)
HALF, NONE = np.array(0.5, np.float32), np.array(0, np.float32)
STATISTICS = [np.ones(3, np.float32)] * 4


class Training(unittest.TestCase):
    def refused(self, why, kind, inputs, attributes, opset, outputs=1):
        model, feeds = one_node(kind, inputs, attributes, outputs, opset)
        with self.assertRaisesRegex(Refused, why):
            run_quern(model, feeds)

    def test_dropout(self):
        why = r"\(Dropout\): input 2 \(training_mode\) is true: training is not supported"
        for opset in 12, 13, 22:
            self.refused(why, "Dropout", [X, HALF, np.array(True)], {}, opset)
        self.refused("attribute is_test is 0: training is not supported", "Dropout", [X], {}, 6)

    def test_dropout_that_drops_nothing(self):
        for ratio, training in ((HALF, False), (NONE, True), (NONE, False), (HALF, None)):
            more = [] if training is None else [np.array(training)]
            model, feeds = one_node("Dropout", [X, ratio, *more], opset=13)
            np.testing.assert_array_equal(run_quern(model, feeds)["x_out0"], X)

    def test_batchnorm(self):
        self.refused("attribute is_test is 0: training is not supported", "BatchNormalization",
                     [X, *STATISTICS], {}, 6)
        self.refused("spatial = 0 is not supported in training mode", "BatchNormalization",
                     [X, *STATISTICS], {"spatial": 0}, 8, 5)
        self.refused("spatial = 0 is not supported below opset 7", "BatchNormalization",
                     [X, *STATISTICS], {"spatial": 0, "is_test": 1}, 6)


if __name__ == "__main__":
    unittest.main()
