# SPDX-License-Identifier: Apache-2.0
"""Many nodes in one model, for tests of single operators: each program runs once for all."""
from quern import fitting, helper, np, numpy_helper, onnx

MICROSOFT = "com.microsoft"


class Cases:
    """A model of nodes that have nothing to do with one another, and data for its inputs."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.inputs, self.outputs, self.initializers = [], [], [], []
        self.sample, self.about = {}, {}

    # random things
    def int(self, low, high):
        return int(self.random.integers(low, high + 1))

    def chance(self):
        return bool(self.int(0, 1))

    def shape(self, rank, most=6):
        return tuple(self.int(1, most) for _ in range(rank))

    def type(self):
        return np.uint8 if self.chance() else np.int8

    def codes(self, dtype, shape):
        info = np.iinfo(dtype)
        return fitting(self.random.integers(info.min, info.max + 1, shape).astype(dtype))

    def zero(self, dtype, shape=()):
        return self.codes(dtype, shape)

    def scale(self, shape=(), low=0.01, high=0.1):
        """Often a round number, so that sums lie on ties."""
        if self.chance():
            return (self.random.integers(1, 20, shape) * 0.01).astype(np.float32)
        return self.random.uniform(low, high, shape).astype(np.float32)

    # the model
    def value(self, array, constant):
        if array is None:
            return ""
        name = f"x{len(self.inputs)}_{len(self.initializers)}"
        array = np.asarray(array)
        if constant:
            self.initializers.append(numpy_helper.from_array(array, name))
        else:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            self.inputs.append(helper.make_tensor_value_info(name, kind, array.shape))
            self.sample[name] = array
        return name

    def add(self, kind, *inputs, domain="", constant=None, outputs=1, **attributes):
        """A node; its inputs are constants where `constant` says so, or by chance."""
        constant = self.chance() if constant is None else constant
        names = [self.value(array, constant and i > 0) for i, array in enumerate(inputs)]
        results = [f"y{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, results, domain=domain, **attributes))
        self.outputs += [helper.make_empty_tensor_value_info(name) for name in results]
        shapes = [None if a is None else (np.asarray(a).dtype.name, np.shape(a)) for a in inputs]
        self.about.update({name: f"{kind} {shapes} {attributes}" for name in results})

    def chain(self, kind, x, real, scale, *rest, **attributes):
        """A node that quantizes x, cast to the type of this name, and a cast to float of it."""
        inputs = [self.value(x, False)]
        if real != "FLOAT":
            cast = f"{inputs[0]}_cast"
            self.nodes.append(helper.make_node("Cast", inputs, [cast],
                                               to=getattr(onnx.TensorProto, real)))
            inputs = [cast]
        inputs += [self.value(array, True) for array in (scale, *rest)]
        self.result(kind, inputs, x, scale, attributes)

    def codes_in(self, kind, *inputs, **attributes):
        """A node whose inputs are constants, since they may be of any type; a float result."""
        if not self.inputs:   # a model wants some
            self.add("Identity", np.zeros(1, np.float32))
        self.result(kind, [self.value(array, True) for array in inputs], *inputs[:2], attributes)

    def result(self, kind, names, x, scale, attributes):
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [f"{name}_raw"], **attributes))
        self.nodes.append(helper.make_node("Cast", [f"{name}_raw"], [name],
                                           to=onnx.TensorProto.FLOAT))
        self.outputs.append(helper.make_empty_tensor_value_info(name))
        types = [tensor.data_type for tensor in self.initializers[-2:]]
        self.about[name] = f"{kind} {x.shape} {scale.dtype} {scale.shape} {types} {attributes}"

    def save(self, path, opset):
        graph = helper.make_graph(self.nodes, "test", self.inputs, self.outputs,
                                  self.initializers)
        imports = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), path)
