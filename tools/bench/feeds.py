# SPDX-License-Identifier: Apache-2.0
"""What a model is fed with: samples that are made when they are asked for, so that thousands of
them need the memory of one, and loops that hand a model's state from frame to frame."""
import dataclasses

import numpy as np


class Feeds:
    """A sequence of feeds, which are dictionaries from input name to array. `make` gives the
    feed of an index."""

    def __init__(self, count, make):
        self.count, self.make = count, make

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.make(index)


def feeds(name, samples, prepare=np.float32):
    """One input: each sample on axis 0 of `samples`, prepared, with a batch axis before it."""
    return Feeds(len(samples), lambda i: {name: prepare(samples[i])[None]})


@dataclasses.dataclass(frozen=True)
class Look:
    """What a model wants pixels to be: (pixel - mean) / std by channel, as RGB or as BGR."""
    mean: tuple = (0.,)
    std: tuple = (1.,)
    bgr: bool = False

    def __call__(self, pixels):
        """A picture as bytes [channels, height, width], as the model wants it."""
        mean, scale = (np.array(v, np.float32)[:, None, None]
                       for v in (self.mean, 1 / np.array(self.std)))
        return ((pixels[::-1] if self.bgr else pixels).astype(np.float32) - mean) * scale


@dataclasses.dataclass
class Data:
    """Samples to calibrate with and other ones to evaluate with."""
    calibration: Feeds
    evaluation: Feeds
    labels: object = None     # of the evaluation samples, where the metric needs them
    batch: int = 1            # samples that a model may see together if its batch size is free

    def outputs(self, model, chosen=None):
        """A list over the chosen samples (indices; all by default) of the model's outputs."""
        chosen = range(len(self.evaluation)) if chosen is None else chosen
        step = 1 if model.fixed_batch else self.batch
        found = []
        for start in range(0, len(chosen), step):
            together = [self.evaluation[i] for i in chosen[start:start + step]]
            if len(together) == 1:
                found.append(model(together[0]))
                continue
            results = model({name: np.concatenate([feed[name] for feed in together])
                             for name in together[0]})
            found.extend([result[i:i + 1] for result in results] for i in range(len(together)))
        return found


class Stream:
    """A model with a state of its own: what it returns goes into its next step, when it is
    evaluated as well. Its calibration samples are frames with the states of the float model."""

    def __init__(self, frames, state, carry, labels=None):
        """`frames` gives, for "calibration" or "evaluation", a list of recordings, each a list of
        feeds without the state; `state` the first state; `carry` which input gets which output."""
        self.frames, self.state, self.carry, self.labels = frames, state, carry, labels

    def play(self, model, part):
        """Yields the feed and the outputs of each step."""
        for recording in self.frames(part):
            state = dict(self.state)
            for frame in recording:
                feed = {**frame, **state}
                outputs = model(feed)
                yield feed, outputs
                state.update((name, outputs[index]) for name, index in self.carry.items())

    def outputs(self, model):
        return [outputs[:1] for _, outputs in self.play(model, "evaluation")]

    def record(self, model, count):
        """`count` calibration samples, evenly spaced."""
        samples = [feed for feed, _ in self.play(model, "calibration")]
        return [samples[i] for i in np.linspace(0, len(samples) - 1, count).astype(int)]
