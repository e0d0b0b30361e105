# SPDX-License-Identifier: Apache-2.0
"""TfIdfVectorizer on random pools and rows, against ONNX Runtime."""
import unittest

from single import Refused, TensorProto, np, one_node, run_ort, run_quern

MODES = ("TF", "IDF", "TFIDF")


def random_attributes(random, mode, weights):
    """A pool of different n-grams of up to three of four words."""
    longest = int(random.integers(1, 4))
    pool, counts, grams = [], [], 0
    for n in range(1, longest + 1):
        counts.append(len(pool))
        found = {tuple(map(int, random.integers(0, 4, n))) for _ in range(random.integers(1, 5))}
        grams += len(found)
        pool += [item for gram in sorted(found) for item in gram]
    index = random.permutation(grams) if mode == "TF" else range(grams)
    attributes = {"mode": mode, "min_gram_length": int(random.integers(1, longest + 1)),
                  "max_gram_length": longest, "max_skip_count": int(random.integers(0, 3)),
                  "ngram_counts": counts, "ngram_indexes": [int(i) for i in index],
                  "pool_int64s": pool}
    if weights:
        attributes["weights"] = [float(w) for w in random.random(grams, np.float32)]
    return attributes


class Ngrams(unittest.TestCase):
    def test_random(self):
        random = np.random.default_rng(1)
        for case in range(60):
            shape = (int(random.integers(1, 9)),) if case % 4 == 0 else \
                tuple(int(n) for n in random.integers(1, (4, 9)))
            x = random.integers(0, 4, shape).astype(np.int32 if case % 5 == 0 else np.int64)
            attributes = random_attributes(random, MODES[case % 3], case % 2)
            model, feeds = one_node("TfIdfVectorizer", [x], attributes, opset=17,
                                    types_out=[TensorProto.FLOAT])
            got, = run_quern(model, feeds).values()
            np.testing.assert_allclose(got, run_ort(model, feeds)[0], 1e-6, err_msg=str(attributes))

    def test_refused(self):
        """Weights that ONNX's text and runtimes read differently; a pool that does not fit."""
        good = {"mode": "TFIDF", "min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0,
                "ngram_counts": [0], "ngram_indexes": [0, 1], "pool_int64s": [5, 6],
                "weights": [1.0, 2.0]}
        for change, why in (({"ngram_indexes": [1, 0]}, "in order"),
                            ({"ngram_counts": [3]}, "ngram_counts"),
                            ({"ngram_indexes": [0]}, "pool"),
                            ({"mode": "other"}, "mode"),
                            ({"weights": [1.0]}, "weights")):
            model, feeds = one_node("TfIdfVectorizer", [np.array([5, 6, 5])], {**good, **change},
                                    opset=17, types_out=[TensorProto.FLOAT])
            with self.assertRaisesRegex(Refused, why):
                run_quern(model, feeds)


if __name__ == "__main__":
    unittest.main()
