# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/digits: trains a small convolutional network on scikit-learn's handwritten
digits, exports it with both of PyTorch's ONNX exporters, and writes the pictures that the
tests calibrate with and measure on.

    pip install -r tools/requirements-train.txt
    python tools/train_digits.py [DIRECTORY]

The pictures are the same in every run. The weights are as well on one machine; another
processor rounds differently and may train a slightly different network.
"""
import pathlib
import re
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

SEED = 7
SIZE = 32           # pixels on a side; the data set has 8
CALIBRATION = 150   # pictures, part of the training set
EVALUATION = 300    # pictures, held out
EPOCHS = 40
BATCH = 64


def conv(inputs, outputs, kernel, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs))


class Digits(nn.Module):
    """Every kind of layer that a small vision network has: a strided, a depthwise, a pointwise
    convolution, a residual block, ReLU and ReLU6, two poolings, a fully connected layer."""

    def __init__(self):
        super().__init__()
        self.stem = conv(1, 16, 3, stride=2)
        self.depthwise = conv(16, 16, 3, groups=16)
        self.pointwise = conv(16, 32, 1)
        self.block1 = conv(32, 32, 3)
        self.block2 = conv(32, 32, 3)
        self.head = conv(32, 48, 3)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classes = nn.Linear(48, 10)

    def forward(self, x):
        x = F.relu6(self.stem(x))
        x = F.relu6(self.depthwise(x))
        x = F.relu(self.pointwise(x))
        x = F.relu(x + self.block2(F.relu(self.block1(x))))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.head(x))
        return self.classes(torch.flatten(self.pool(x), 1))


def pictures():
    """The whole data set as 8-bit pictures [n, SIZE, SIZE], with their labels, shuffled."""
    data = load_digits()
    small = np.round(data.images * (255 / 16)).astype(np.uint8)
    large = [np.asarray(Image.fromarray(s).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
             for s in small]
    order = np.random.RandomState(SEED).permutation(len(large))
    return np.stack(large)[order], data.target[order]


def write_pictures(directory, images, labels):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with open(directory / "labels.tsv", "w") as f:
        for i, (image, label) in enumerate(zip(images, labels)):
            name = f"{i:03d}_{label}.png"
            Image.fromarray(image).save(directory / name, optimize=True)
            f.write(f"{name}\t{label}\n")


def preprocess(images):
    """What `--image "gray scale=1/255 mean=.5 std=.5"` does."""
    return torch.from_numpy((images[:, None].astype(np.float32) / 255 - 0.5) / 0.5)


def shift(x):
    """The batch with each picture moved by up to two pixels."""
    padded = F.pad(x, (2, 2, 2, 2), value=-1.0)
    moved = [padded[i, :, dy:dy + SIZE, dx:dx + SIZE]
             for i, (dy, dx) in enumerate(torch.randint(0, 5, (len(x), 2)).tolist())]
    return torch.stack(moved)


def train(model, x, y):
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=0.01)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    model.train()
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(x))[:len(x) // BATCH * BATCH].split(BATCH):
            loss = F.cross_entropy(model(shift(x[rows])), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
    model.eval()


def export(model, torchscript, dynamo):
    """Both exporters, one file each, any batch size. TrainingMode.PRESERVE (with the model in
    eval mode) keeps BatchNormalization in the first; the second folds it, as it does for
    everybody who does not ask for optimize=False."""
    example = torch.zeros(2, 1, SIZE, SIZE)
    names = {"input_names": ["image"], "output_names": ["scores"]}
    torch.onnx.export(model, (example,), torchscript, dynamo=False, opset_version=17,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                      dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}}, **names)
    torch.onnx.export(model, (example,), dynamo, dynamo=True, external_data=False,
                      dynamic_shapes={"x": {0: torch.export.Dim("batch")}}, **names)
    shorten_traces(dynamo)


def shorten_traces(path):
    """The dynamo exporter notes where in which file each node came from: leave the file's name,
    without the directories of the machine it was made on."""
    model = onnx.load(path)
    for node in model.graph.node:
        for entry in node.metadata_props:
            entry.value = re.sub(r'File "[^"]*/', 'File "', entry.value)
    onnx.save(model, path)


def check(path, x, y, expected):
    """The file against PyTorch, in ONNX Runtime."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    scores = session.run(None, {"image": x.numpy()})[0]
    difference = np.abs(scores - expected).max() / np.abs(expected).max()
    right = int((scores.argmax(1) == y.numpy()).sum())
    norms = sum(n.op_type == "BatchNormalization" for n in model.graph.node)
    print(f"{path.name}: {path.stat().st_size} bytes, opset {model.opset_import[0].version}, "
          f"{norms} BatchNormalization, {right} of {len(y)} right in ONNX Runtime, "
          f"differs from PyTorch by {difference:.1e} of the largest score")
    assert difference < 1e-5


def main():
    directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                             pathlib.Path(__file__).parents[1] / "tests/data/digits")
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = pictures()
    write_pictures(directory / "evaluation", images[:EVALUATION], labels[:EVALUATION])
    write_pictures(directory / "calibration", images[-CALIBRATION:], labels[-CALIBRATION:])

    x, y = preprocess(images), torch.from_numpy(labels)
    model = Digits()
    train(model, x[EVALUATION:], y[EVALUATION:])
    with torch.no_grad():
        expected = model(x[:EVALUATION]).numpy()
    right = int((expected.argmax(1) == labels[:EVALUATION]).sum())
    print(f"PyTorch: {right} of {EVALUATION} right, {100 * right / EVALUATION:.2f} %")

    files = directory / "digits_torchscript.onnx", directory / "digits_dynamo.onnx"
    export(model, *files)
    for path in files:
        check(path, x[:EVALUATION], y[:EVALUATION], expected)


if __name__ == "__main__":
    main()
