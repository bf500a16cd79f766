"""ONNX files of a few operators, written byte by byte, because the library that writes them is not needed here."""

import struct


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def node(kind, inputs, output, *attributes):
    parts = [field(1, name) for name in inputs]
    return b"".join([*parts, field(2, output), field(4, kind), *(field(5, part) for part in attributes)])


def tensor(name, values, *shape):
    packed = struct.pack(f"<{len(values)}f", *values)
    return b"".join([*(field(1, size) for size in shape), field(2, 1), field(8, name), field(9, packed)])


def value(name, kind, *shape):
    sizes = b"".join(field(1, field(1, size) if size else field(2, b"N")) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sizes)))


def logistic(weights, bias, inputs=(b"rows",)):
    """An ONNX graph: sigmoid(x w + b), from one matrix or from one input per column."""
    nodes = [] if len(inputs) == 1 else [node(b"Concat", inputs, b"rows", axis(1))]
    nodes += [
        node(b"MatMul", [b"rows", b"w"], b"product"),
        node(b"Add", [b"product", b"b"], b"sum"),
        node(b"Sigmoid", [b"sum"], b"score"),
        node(b"Greater", [b"score", b"half"], b"larger"),
        node(b"Cast", [b"larger"], b"label", field(1, b"to") + field(3, 7) + field(20, 2)),
    ]
    width = len(weights) if len(inputs) == 1 else 1
    graph = [field(1, item) for item in nodes] + [field(2, b"g")]
    graph += [field(5, tensor(b"w", weights, len(weights), 1)), field(5, tensor(b"b", [bias], 1))]
    graph += [field(5, tensor(b"half", [0.5], 1))]
    graph += [field(11, value(name, 1, 0, width)) for name in inputs]
    graph += [field(12, value(b"label", 7, 0, 1)), field(12, value(b"score", 1, 0, 1))]
    return field(1, 8) + field(2, b"test") + field(7, b"".join(graph)) + field(8, field(1, b"") + field(2, 17))


def axis(number):
    return field(1, b"axis") + field(3, number) + field(20, 2)


def linear(weights, bias):
    """An ONNX graph: x w + b, one number for each row."""
    nodes = [node(b"MatMul", [b"rows", b"w"], b"product"), node(b"Add", [b"product", b"b"], b"number")]
    constants = [tensor(b"w", weights, len(weights), 1), tensor(b"b", [bias], 1)]
    return graph_of(nodes, constants, len(weights), [value(b"number", 1, 0, 1)])


def softmax(weights, classes):
    """An ONNX graph: the softmax of x w for so many classes, and the place of the largest."""
    nodes = [
        node(b"MatMul", [b"rows", b"w"], b"product"),
        node(b"Softmax", [b"product"], b"scores"),
        node(b"ArgMax", [b"scores"], b"label", axis(1)),
    ]
    constants = [tensor(b"w", weights, len(weights) // classes, classes)]
    outputs = [value(b"label", 7, 0, 1), value(b"scores", 1, 0, classes)]
    return graph_of(nodes, constants, len(weights) // classes, outputs)


def graph_of(nodes, constants, width, outputs, taken=None):
    """A whole file with one matrix of so many columns as its input, or another input."""
    graph = [field(1, item) for item in nodes] + [field(2, b"g")] + [field(5, item) for item in constants]
    graph += [field(11, taken or value(b"rows", 1, 0, width)), *(field(12, item) for item in outputs)]
    return field(1, 8) + field(2, b"test") + field(7, b"".join(graph)) + field(8, field(1, b"") + field(2, 17))
