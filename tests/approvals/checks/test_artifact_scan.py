import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
import skops.io as sio
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from approvals.artifacts import describe_artifact
from approvals.checks.artifact_scan import ArtifactScan, Parameters, Thresholds
from approvals.checks.base import Input, Job, ParameterError, build
from approvals.sandbox import JobDescription, run_measurement


class Payload:
    """Touches a file when it is loaded by pickle."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "the scan ran the payload"


@pytest.fixture
def scan(tmp_path):
    def run(content, name="model.bin", **parameters):
        path = tmp_path / "0123abcd"
        path.write_bytes(content)
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        piece = Input(kind="artifact", path=path, name=name, sha256="")
        job = Job({"artifact": piece}, {}, Parameters(**parameters), 0, work)
        check = ArtifactScan()
        reading = check.measure(job, lambda share, text: None)
        return check.judge(reading, Thresholds())

    return run


def safetensors(tensors, extra=b"", **changes):
    header, data = {}, b""
    for name, array in tensors.items():
        begin = len(data)
        data += array.tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, len(data)]} | changes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data + extra


def npy(array, *, allow_pickle=False):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def zipped(members, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


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


def onnx(operator=b"Gemm", domain=b"", tensor=b"", training=b""):
    graph = onnx_graph(operator, domain, tensor)
    return field(1, 8) + field(2, b"test") + field(7, graph) + field(8, field(1, b"") + field(2, 17)) + training


def onnx_graph(operator=b"Gemm", domain=b"", tensor=b""):
    node = field(1, b"x") + field(2, b"y") + field(4, operator) + (field(7, domain) if domain else b"")
    weights = field(1, 2) + field(2, 1) + field(8, b"w") + field(9, b"\0" * 8) + tensor
    return field(1, node) + field(2, b"g") + field(5, weights)


@pytest.fixture(scope="session")
def skops_files():
    rng = np.random.default_rng(0)
    table = rng.random((60, 3))
    table[:, 2] = rng.integers(0, 3, 60)
    label = (table[:, 0] > 0.5).astype(int)
    columns = make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2]))
    models = {
        "pipeline": make_pipeline(columns, LogisticRegression()),
        "forest": RandomForestClassifier(n_estimators=3, random_state=0),
    }
    files = {name: sio.dumps(model.fit(table, label)) for name, model in models.items()}
    files["foreign"] = sio.dumps(FunctionTransformer(func=os.path.join))
    return files


def rewritten(content, change):
    """A skops file with its schema or members changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema, members)
    members["schema.json"] = json.dumps(schema).encode()
    return zipped(members)


class TestHarmlessFormats:
    def test_safetensors(self, scan):
        judgement = scan(safetensors({"w": np.zeros((3, 2), "f4"), "b": np.ones(2, "f4")}), "model.safetensors")
        assert judgement.verdict == "passed"
        assert judgement.sentences == ("The artifact is a safetensors file; nothing in it can run code.",)

    def test_onnx(self, scan):
        assert scan(onnx(), "model.onnx").verdict == "passed"

    @pytest.mark.parametrize("kind", ["pipeline", "forest"])
    def test_skops(self, scan, skops_files, kind):
        judgement = scan(skops_files[kind], "model.skops")
        assert judgement.verdict == "passed", judgement.sentences

    def test_numpy(self, scan):
        assert scan(npy(np.arange(6.0)), "w.npy").verdict == "passed"
        assert scan(zipped({"w.npy": npy(np.arange(6.0))}), "w.npz").verdict == "passed"

    def test_a_policy_can_accept_fewer_formats_but_never_pickle(self, scan):
        judgement = scan(npy(np.arange(6.0)), "w.npy", formats=("skops",))
        assert judgement.sentences == ("The policy does not accept a NumPy array.",)
        with pytest.raises(ParameterError, match="“pickle” may run code"):
            build(Parameters, {"formats": ["pickle"]}, owner="The scan")


class TestPickles:
    def wraps(self, canary):
        raw = pickle.dumps(Payload(canary))
        return {
            "protocol 0": pickle.dumps(Payload(canary), protocol=0),
            "protocol 2": pickle.dumps(Payload(canary), protocol=2),
            "protocol 5": raw,
            "behind a harmless one": pickle.dumps([1, 2]) + raw,
            "gzip": gzip.compress(raw),
            "zlib": zlib.compress(raw),
            "bz2": bz2.compress(raw),
            "xz": lzma.compress(raw),
            "lzma": lzma.compress(raw, format=lzma.FORMAT_ALONE),
            "twice": gzip.compress(zlib.compress(raw)),
            "torch": zipped({"archive/data.pkl": raw, "archive/data/0": b"\0" * 16, "archive/version": b"3"}),
            "zip in zip": zipped({"inner.zip": zipped({"model.pkl": raw})}),
            "npy of objects": npy(np.array([Payload(canary)], dtype=object), allow_pickle=True),
            "npz of objects": zipped({"w.npy": npy(np.array([Payload(canary)], dtype=object), allow_pickle=True)}),
        }

    def test_every_wrapping_is_refused(self, scan, canary):
        for name, content in self.wraps(canary).items():
            assert scan(content).verdict == "failed", name

    def test_the_dangerous_call_is_named(self, scan, canary):
        for name, content in self.wraps(canary).items():
            if name.startswith("np"):
                continue  # an array of objects is refused for what it is
            assert "posix.system" in " ".join(scan(content).sentences), name

    def test_a_renamed_pickle_is_named_for_what_it_is(self, scan, canary):
        judgement = scan(pickle.dumps(Payload(canary)), "model.safetensors")
        assert "model.safetensors is named like a safetensors file, but its content is a Python pickle." in (
            judgement.sentences
        )

    def test_joblib_arrays_do_not_hide_what_follows(self, scan, canary, tmp_path):
        joblib = pytest.importorskip("joblib")
        for compress in (0, ("zlib", 3), ("gzip", 3), ("lzma", 3)):
            path = tmp_path / "model.joblib"
            joblib.dump(
                [np.arange(1000.0), np.array(["a", None], dtype=object), Payload(canary)], path, compress=compress
            )
            judgement = scan(path.read_bytes(), "model.joblib")
            assert judgement.verdict == "failed"
            assert "posix.system" in " ".join(judgement.sentences), compress
            assert "cannot be followed" not in " ".join(judgement.sentences), compress

    def test_a_cut_pickle_is_refused_with_what_it_named(self, scan, canary):
        judgement = scan(pickle.dumps(Payload(canary))[:-1])
        assert "posix.system" in " ".join(judgement.sentences)
        assert "The pickle cannot be followed to its end, so it may do more than is named here." in judgement.sentences

    def test_operations_without_a_name_of_their_own(self, scan, canary):
        inst = b"(S'touch x'\niposix\nsystem\n."
        made = b"(cposix\nsystem\nS'touch x'\no."
        built = b"cposix\nsystem\n)\x81}S'__setstate__'\ncposix\nsystem\nsbS'touch x'\nb."
        extension = b"\x80\x02\x82\x01."
        for content in (inst, made, built):
            assert "posix.system" in " ".join(scan(content).sentences)
        assert "copyreg extension 1" in " ".join(scan(extension).sentences)

    def test_a_false_length_allocates_nothing(self, scan):
        judgement = scan(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.")
        assert judgement.verdict == "failed"


class TestPolyglots:
    def test_a_pickle_before_a_zip(self, scan, canary):
        assert scan(pickle.dumps(Payload(canary)) + zipped({"w.npy": npy(np.arange(3.0))})).verdict == "failed"

    def test_bytes_before_within_and_behind_an_archive(self, scan):
        good = zipped({"w.npy": npy(np.arange(3.0)), "b.npy": npy(np.arange(3.0))})
        second = good.index(b"PK\x03\x04", 4)
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            start = archive.start_dir
        shifted = bytearray(good[:second] + b"evil" + good[second:])
        directory = start + 4
        struct.pack_into("<I", shifted, shifted.index(b"PK\x01\x02", directory + 4) + 42, second + 4)
        struct.pack_into("<I", shifted, len(shifted) - 6, directory)
        for content in (b"evil" + good, bytes(shifted), good + b"evil", good[:-2] + b"\x04\0evil"):
            judgement = scan(content, "w.npz")
            assert judgement.verdict == "failed", content

    def test_an_archive_inside_the_numbers_of_safetensors(self, scan):
        inner = next(file for size in range(4) if len(file := zipped({"a": b"x" * size})) % 4 == 0)
        array = np.frombuffer(inner, "f4")
        judgement = scan(safetensors({"w": array}), "model.safetensors")
        assert "The file is a zip archive as well, so programs would not agree on what it is." in judgement.sentences

    def test_safetensors_that_do_not_add_up(self, scan):
        one = {"w": np.zeros(4, "f4")}
        cases = {
            "1 bytes that belong to no tensor": safetensors(one, extra=b"x"),
            "does not add up": safetensors(one, shape=[5]),
            "overlap or leave gaps": safetensors(one, data_offsets=[16, 32]),
        }
        for words, content in cases.items():
            assert words in " ".join(scan(content, "model.safetensors").sentences)

    def test_an_array_with_more_than_its_shape_needs(self, scan):
        assert "4 bytes more than its shape needs" in " ".join(scan(npy(np.arange(3.0)) + b"evil", "w.npy").sentences)


class TestArchives:
    def test_a_bomb_is_refused_before_it_is_unpacked(self, scan):
        bomb = zipped({"w.npy": npy(np.zeros(4_000_000))}, zipfile.ZIP_DEFLATED)
        assert "-fold when unpacked" in " ".join(scan(bomb, "w.npz").sentences)
        many = zipped({f"{number}.npy": b"" for number in range(30)})
        assert scan(many, "w.npz", max_members=20).sentences == ("The archive has 30 members; 20 are allowed.",)
        large = zipped({"w.npy": npy(np.random.default_rng(0).random(200_000))})
        assert "are allowed" in scan(large, "w.npz", max_unpacked_mb=1).sentences[0]

    def test_a_compressed_bomb_stops_at_the_limit(self, scan):
        bomb = gzip.compress(pickle.dumps(b"\0" * 5_000_000))
        assert "Unpacked, the file has more than 1,048,576 bytes." in scan(bomb, max_unpacked_mb=1).sentences

    @pytest.mark.parametrize("name", ["../../w.npy", "/etc/w.npy", "..\\w.npy"])
    def test_a_way_out_is_refused(self, scan, name):
        assert "leaves its folder" in " ".join(scan(zipped({name: npy(np.arange(3.0))}), "w.npz").sentences)

    def test_links_and_encrypted_members_are_refused(self, scan):
        stream = io.BytesIO()
        link = zipfile.ZipInfo("w.npy")
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(link, b"/etc/passwd")
        assert "a link instead of a file" in " ".join(scan(stream.getvalue(), "w.npz").sentences)
        locked = bytearray(zipped({"w.npy": npy(np.arange(3.0))}))
        locked[locked.index(b"PK\x01\x02") + 8] |= 1
        assert "encrypted" in " ".join(scan(bytes(locked), "w.npz").sentences)


class TestOnnx:
    def test_foreign_operators_are_named(self, scan):
        assert "uses the operator evil.PyOp" in scan(onnx(b"PyOp", b"evil"), "model.onnx").sentences[0]

    def test_numbers_in_other_files_are_refused(self, scan):
        place = field(13, field(1, b"location") + field(2, b"../../etc/passwd")) + field(14, 1)
        assert "'../../etc/passwd'" in scan(onnx(tensor=place), "model.onnx").sentences[0]

    @pytest.mark.parametrize("operator", [b"EPContext", b"PythonOp", b"Snpe", b"InventedYesterday"])
    def test_contributed_operators_that_load_or_call_something_are_named(self, scan, operator):
        found = scan(onnx(operator, b"com.microsoft"), "model.onnx")
        assert f"uses the operator com.microsoft.{operator.decode()}" in found.sentences[0]

    def test_contributed_operators_that_only_compute_are_taken(self, scan):
        assert scan(onnx(b"FusedMatMul", b"com.microsoft"), "model.onnx").verdict == "passed"

    @pytest.mark.parametrize("place", [1, 2])
    def test_graphs_for_training_are_looked_into(self, scan, place):
        outside = field(13, field(1, b"location") + field(2, b"/etc/passwd"))
        training = field(20, field(place, onnx_graph(b"RunShell", b"evil", outside)))
        said = " ".join(scan(onnx(training=training), "model.onnx").sentences)
        assert "evil.RunShell" in said
        assert "'/etc/passwd'" in said

    @pytest.mark.parametrize("cut", [1, 7, 20])
    def test_a_damaged_file_is_refused(self, scan, cut):
        assert scan(onnx()[:-cut], "model.onnx").verdict == "failed"

    def test_bytes_behind_the_model_are_refused(self, scan):
        assert scan(onnx() + pickle.dumps([1]), "model.onnx").verdict == "failed"


class TestSkops:
    def test_a_foreign_type_is_named_unless_the_policy_knows_it(self, scan, skops_files):
        judgement = scan(skops_files["foreign"], "model.skops")
        assert judgement.verdict == "failed"
        assert "The skops file names the type posixpath.join, which is not known to be harmless." in judgement.sentences
        assert scan(skops_files["foreign"], "model.skops", extra_types=("posixpath.join",)).verdict == "passed"

    @pytest.mark.parametrize("loader", ["MethodNode", "OperatorFuncNode", "PartialNode", "Unheard"])
    def test_loaders_that_call_are_refused(self, scan, skops_files, loader):
        content = rewritten(skops_files["pipeline"], lambda schema, _: schema.update(__loader__=loader))
        assert f"asks for the loader {loader}" in " ".join(scan(content, "model.skops").sentences)

    def test_other_members_and_old_protocols_are_refused(self, scan, skops_files):
        extra = rewritten(skops_files["pipeline"], lambda _, members: members.update({"evil.py": b"import os"}))
        old = rewritten(skops_files["pipeline"], lambda schema, _: schema.update(protocol=0))
        assert "'evil.py'" in " ".join(scan(extra, "model.skops").sentences)
        assert "must have protocol 2" in " ".join(scan(old, "model.skops").sentences)

    def test_one_identity_for_two_objects_is_refused(self, scan, skops_files):
        def change(schema, members):
            schema["content"]["__id__"] = schema["__id__"]

        content = rewritten(skops_files["pipeline"], change)
        assert "one identity to two different objects" in " ".join(scan(content, "model.skops").sentences)

    def test_arrays_of_objects_are_refused(self, scan, skops_files, canary):
        def change(schema, members):
            name = next(name for name in members if name.endswith(".npy"))
            members[name] = npy(np.array([Payload(canary)], dtype=object), allow_pickle=True)

        content = rewritten(skops_files["pipeline"], change)
        assert "holds Python objects" in " ".join(scan(content, "model.skops").sentences)

    @pytest.mark.parametrize("place", ["left_child", "feature"])
    def test_a_tree_that_leads_nowhere_is_refused(self, scan, skops_files, place):
        def change(schema, members):
            for name, content in members.items():
                if name.endswith(".npy") and (array := np.load(io.BytesIO(content))).dtype.names:
                    array = array.copy()
                    array[place][0] = 10_000
                    members[name] = npy(array)

        content = rewritten(skops_files["forest"], change)
        assert "do not exist" in " ".join(scan(content, "model.skops").sentences)


def test_the_sandbox_names_the_same_call(canary, tmp_path):
    path = tmp_path / "stored"
    path.write_bytes(gzip.compress(pickle.dumps(Payload(canary))))
    piece = Input("artifact", path, "model.joblib", hashlib.sha256(path.read_bytes()).hexdigest())
    reading = run_measurement(check_key="artifact_scan", job=JobDescription(inputs={"artifact": piece}))
    assert "On loading it would call or create posix.system." in reading.details["problems"]


@pytest.mark.parametrize("content", [b"", b"just text", b"\x89HDF\r\n\x1a\n" + b"\0" * 100, bytes(1000)])
def test_empty_and_unknown_files_are_refused(scan, content):
    assert scan(content).verdict == "failed"


def test_an_upload_gets_a_sentence(tmp_path):
    path = tmp_path / "stored"
    path.write_bytes(pickle.dumps({"a": 1}))
    description = describe_artifact(path, "model.pkl")
    instead = "attach the model as skops, safetensors or ONNX instead."
    assert description.format == "pickle"
    assert description.problems == (f"model.pkl is a Python pickle, which may run code when it is loaded; {instead}",)
    path.write_bytes(onnx())
    assert describe_artifact(path, "model.onnx").problems == ()


def test_a_directory_too_long_for_a_request_is_not_read(tmp_path):
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(60_000):
            archive.writestr(f"a{number:030}", b"")
    described = describe_artifact(path, "model.skops")
    assert described.format == "zip"
    assert "far too many members" in described.problems[0]
