# SPDX-License-Identifier: Apache-2.0
"""The files in proto/ against the schema inside the onnx package: no field and no enum differs."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

try:
    from google.protobuf import descriptor_pb2
    from onnx import onnx_data_pb2, onnx_ml_pb2
except ImportError as missing:
    raise unittest.SkipTest(f"{missing} (tools/requirements-test.txt)")

ROOT = pathlib.Path(os.environ.get("QUERN_ROOT", pathlib.Path(__file__).resolve().parents[2]))
FIELD = descriptor_pb2.FieldDescriptorProto


def described(file):
    """Everything that decides what a file's messages look like on the wire and what they may hold:
    a dictionary from full name to facts."""
    facts = {}

    def enum(path, e):
        for value in e.value:
            facts[f"{path}{e.name}.{value.name}"] = ("enum value", value.number)

    def message(path, m):
        path = f"{path}{m.name}"
        facts[path] = ("message",
                       tuple(sorted((r.start, r.end) for r in m.reserved_range)),
                       tuple(sorted(m.reserved_name)),
                       tuple(sorted((r.start, r.end) for r in m.extension_range)))
        for f in m.field:
            oneof = m.oneof_decl[f.oneof_index].name if f.HasField("oneof_index") else None
            facts[f"{path}.{f.name}"] = (
                f.number, FIELD.Label.Name(f.label), FIELD.Type.Name(f.type), f.type_name,
                f"oneof {oneof}", f"default {f.default_value!r}", f"packed {f.options.packed}")
        for nested in m.nested_type:
            message(path + ".", nested)
        for e in m.enum_type:
            enum(path + ".", e)

    for m in file.message_type:
        message("", m)
    for e in file.enum_type:
        enum("", e)
    return facts


class Schema(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not shutil.which("protoc"):
            raise unittest.SkipTest("there is no protoc (Debian: protobuf-compiler)")
        with tempfile.NamedTemporaryFile() as out:
            subprocess.run(["protoc", f"-I{ROOT / 'proto'}", f"--descriptor_set_out={out.name}",
                            "onnx.proto", "onnx-data.proto"], check=True)
            cls.ours = descriptor_pb2.FileDescriptorSet.FromString(out.read()).file
        cls.theirs = [descriptor_pb2.FileDescriptorProto.FromString(m.DESCRIPTOR.serialized_pb)
                      for m in (onnx_ml_pb2, onnx_data_pb2)]

    def test_syntax_and_package(self):
        for ours, theirs in zip(self.ours, self.theirs, strict=True):
            for file in ours, theirs:
                self.assertIn(file.syntax, ("", "proto2"))
            self.assertEqual(ours.package, theirs.package)

    def compare(self, i, least):
        ours, theirs = described(self.ours[i]), described(self.theirs[i])
        self.assertGreater(len(theirs), least)
        different = [f"{name}: ours {ours.get(name)}, theirs {theirs.get(name)}"
                     for name in sorted(ours.keys() | theirs.keys())
                     if ours.get(name) != theirs.get(name)]
        self.assertEqual(different, [])

    def test_models(self):
        self.compare(0, 200)

    def test_values(self):
        self.compare(1, 20)


if __name__ == "__main__":
    unittest.main()
