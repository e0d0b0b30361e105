# SPDX-License-Identifier: Apache-2.0
"""Networks of timm, torchvision and Transformers with random weights, as PyTorch's exporter writes
them today.

    tools/bench/setup exports
    .venv-bench-exports/bin/python tools/bench/exports.py [--torchscript] [NAME...]
    .venv-bench/bin/python tools/bench/coverage.py --only 'export_*' --seconds 1

The first makes the environment, the second the files, the third measures them: do they become
integer models, do both runtimes load these, how far are they from float, and what time do they
take. `export_NAME` is the default list's or timm's network of that name. Random weights tell
nothing of accuracy, but of operators, placement and time all that there is.
"""
import argparse
import functools
import logging
import sys
import warnings

import numpy as np
import torch

from paths import EXPORTS

# Its compiled operators are not loaded where they were built for another torch; nothing here wants
# them, but its Python part does not come up without the names of some.
for operator in "nms", "qnms":
    torch.library.define(f"torchvision::{operator}",
                         "(Tensor boxes, Tensor scores, float iou) -> Tensor")

import timm                 # noqa: E402
import torchvision.models as tv     # noqa: E402
import transformers as hf   # noqa: E402

SAMPLES = 6, 4              # to calibrate and to evaluate
TOKENS, LENGTH = 2000, 64
TEXT = {"vocab_size": TOKENS, "hidden_size": 256, "num_hidden_layers": 4,
        "num_attention_heads": 4, "intermediate_size": 1024}
PATCHES = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 3,
           "intermediate_size": 768}
TIMM = ("cait_xxs24_224 coat_lite_tiny coatnet_0_rw_224 convnext_atto efficientvit_b0 fastvit_t8 "
        "ghostnetv2_100 lcnet_050 levit_128s mobileone_s0 mobilevit_xxs mobilenetv4_conv_small "
        "pvt_v2_b0 regnety_002 repghostnet_050 repvgg_a0 swin_tiny_patch4_window7_224 "
        "xcit_nano_12_p16_224").split()


def pictures(size):
    """Coarse patterns with noise on them."""
    coarse = torch.randn(1, 3, size // 16, size // 16)
    return {"pixel_values": torch.nn.functional.interpolate(coarse, size=(size, size))
            + 0.3 * torch.randn(1, 3, size, size)}


def masked_text():
    return {**text(), "attention_mask": torch.ones(1, LENGTH, dtype=torch.int64)}


def text():
    return {"input_ids": torch.randint(5, TOKENS, (1, LENGTH))}


def sound():
    return {"input_values": 0.1 * torch.randn(1, 16000)}


HF = {      # by name: a network, and what it reads
    "bert": (lambda: hf.BertForSequenceClassification(hf.BertConfig(**TEXT)), masked_text),
    "deberta": (lambda: hf.DebertaV2ForSequenceClassification(hf.DebertaV2Config(
        relative_attention=True, position_buckets=64, pos_att_type=["p2c", "c2p"], **TEXT)),
        masked_text),
    "gpt2": (lambda: hf.GPT2LMHeadModel(hf.GPT2Config(
        vocab_size=TOKENS, n_embd=256, n_layer=4, n_head=4, use_cache=False)), text),
    "llama": (lambda: hf.LlamaForCausalLM(hf.LlamaConfig(
        num_key_value_heads=2, use_cache=False, **TEXT)), text),
    "mamba": (lambda: hf.MambaForCausalLM(hf.MambaConfig(
        vocab_size=TOKENS, hidden_size=128, num_hidden_layers=2, use_cache=False)), text),
    "detr": (lambda: hf.DetrForObjectDetection(hf.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        backbone_config=hf.ResNetConfig(out_features=["stage4"]), encoder_layers=2,
        decoder_layers=2, d_model=128, encoder_ffn_dim=512, decoder_ffn_dim=512,
        encoder_attention_heads=4, decoder_attention_heads=4)), lambda: pictures(256)),
    "segformer": (lambda: hf.SegformerForSemanticSegmentation(hf.SegformerConfig()),
                  lambda: pictures(256)),
    "swin2sr": (lambda: hf.Swin2SRForImageSuperResolution(hf.Swin2SRConfig(
        image_size=64, embed_dim=60, depths=[2, 2], num_heads=[6, 6])), lambda: pictures(64)),
    "vit": (lambda: hf.ViTForImageClassification(hf.ViTConfig(**PATCHES)),
            lambda: pictures(224)),
    "wav2vec2": (lambda: hf.Wav2Vec2ForCTC(hf.Wav2Vec2Config(
        conv_dim=[128] * 7, **{**TEXT, "vocab_size": 32})), sound),
}


def clip():
    """Eight frames of a moving pattern."""
    frames = torch.nn.functional.interpolate(torch.randn(1, 3, 3, 7, 7), size=(8, 112, 112))
    return {"frames": frames + 0.3 * torch.randn(1, 3, 8, 112, 112)}


def two_pictures():
    first = pictures(128)["pixel_values"].tanh()
    return {"first": first, "second": torch.roll(first, (2, 3), (2, 3))}


TORCHVISION = {
    "googlenet": (lambda: tv.googlenet(weights=None, aux_logits=False, init_weights=False),
                  lambda: pictures(224)),
    "lraspp": (lambda: tv.segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None), lambda: pictures(224)),
    "r3d_18": (lambda: tv.video.r3d_18(weights=None), clip),
    "raft_small": (lambda: tv.optical_flow.raft_small(weights=None), two_pictures),
}


def first_floats(result):
    """The last of a list, the first of a dictionary."""
    if torch.is_tensor(result):
        return result
    if isinstance(result, list):
        return result[-1]
    return next(value for value in result.values()
                if torch.is_tensor(value) and value.is_floating_point())


class Positional(torch.nn.Module):
    """A network with inputs by position, and one output of floats."""

    def __init__(self, network, names):
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *inputs):
        named = self.names is not None
        return first_floats(self.network(**dict(zip(self.names, inputs))) if named
                            else self.network(*inputs))


def build(name):
    """A network in evaluation mode, and a function that makes its inputs."""
    if name in HF:
        make, sample = HF[name]
        return Positional(make(), list(sample())).eval(), sample
    if name in TORCHVISION:
        make, sample = TORCHVISION[name]
        network = Positional(make(), None).eval()
    else:
        network = timm.create_model(name, pretrained=False).eval()
        sample = functools.partial(pictures, network.default_cfg["input_size"][1])
    for part in network.modules():      # statistics as training leaves them
        if isinstance(part, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
            part.running_var.uniform_(0.5, 2)
            part.running_mean.normal_(0, 0.2)
    return network, sample


def export(name, torchscript):
    torch.manual_seed(0)
    network, sample = build(name)
    inputs, path = sample(), EXPORTS / f"{name}.onnx"
    options = {"opset_version": 17, "dynamo": False} if torchscript else \
        {"dynamo": True, "external_data": False, "verbose": False}
    EXPORTS.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        torch.onnx.export(network, tuple(inputs.values()), path, input_names=list(inputs),
                          output_names=["y"], **options)
    samples = [sample() for _ in range(sum(SAMPLES))]
    np.savez(path.with_suffix(".npz"), calibrate=SAMPLES[0],
             **{key: np.stack([each[key].numpy() for each in samples]) for key in inputs})
    print(f"{name:32} {path.stat().st_size / 1e6:8.1f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--torchscript", action="store_true", help="with the older exporter")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"of timm, or of {', '.join([*TORCHVISION, *HF])}; without any a "
                             "selection")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    failed = False
    for name in args.names or [*TIMM, *TORCHVISION, *HF]:
        try:
            export(name, args.torchscript)
        except Exception as failure:    # of an exporter; the others still count
            print(f"{name:32} {type(failure).__name__}: {str(failure).strip().splitlines()[0]}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
