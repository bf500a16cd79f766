import hashlib
import socket
import sys
import threading
from pathlib import Path

import pytest

from approvals.checks.base import Input
from approvals.sandbox import JobDescription, Limits, SandboxError, measure_in_child, run_measurement
from tests.approvals.checks import hostile

SMALL = Limits(memory_mb=512, cpu_seconds=20, wall_seconds=20, file_mb=16)


def attach(path, kind="training_record"):
    return {kind: Input(kind=kind, path=path, name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())}


def refusal(check, limits=SMALL, **job):
    with pytest.raises(SandboxError) as caught:
        measure_in_child(check=check, job=JobDescription(inputs={}, **job), limits=limits)
    return caught.value


def test_a_reading_comes_back_with_progress_and_with_what_was_printed(tmp_path):
    record = tmp_path / "record.json"
    record.write_text("the record")
    heard = []
    reading = measure_in_child(
        check=hostile.Polite,
        job=JobDescription(inputs=attach(record), seed=7),
        limits=SMALL,
        on_progress=lambda percent, text: heard.append((percent, text)),
        work_root=tmp_path,
    )
    assert reading.details == {"text": "the record", "seed": 7}
    assert heard == [(0, "Step 0"), (25, "Step 1"), (50, "Step 2"), (75, "Step 3")]
    assert "a library prints to standard output" in reading.log
    assert list(tmp_path.iterdir()) == [record]


def test_g18_too_much_memory_is_named():
    error = refusal(hostile.Hog)
    assert (error.kind, error.sentence) == ("memory", "The check needed more than 512 MiB of memory and was stopped.")


def test_g18_an_endless_loop_ends_with_its_processor_time():
    error = refusal(hostile.Loop, Limits(cpu_seconds=1, wall_seconds=60))
    assert (error.kind, error.sentence) == ("time", "The check used more than 1 s of processor time and was stopped.")


def test_g18_a_sleeping_check_ends_with_its_time():
    error = refusal(hostile.Sleep, Limits(wall_seconds=2))
    assert (error.kind, error.sentence) == ("time", "The check took longer than 2 s and was stopped.")


def test_an_unwanted_check_is_stopped():
    with pytest.raises(SandboxError) as caught:
        measure_in_child(check=hostile.Sleep, job=JobDescription(inputs={}), limits=SMALL, should_stop=lambda: True)
    assert caught.value.kind == "stopped"


def test_g18_a_segfault_stays_in_the_child():
    error = refusal(hostile.Segfault)
    assert error.kind == "crashed"
    assert "by the signal SIGSEGV" in error.sentence


def test_a_bug_in_a_check_is_a_crash_with_its_traceback_in_the_log():
    error = refusal(hostile.Raises)
    assert error.kind == "crashed"
    assert any("a bug in a check" in line for line in error.log)


@pytest.mark.parametrize("check", [hostile.Quits, hostile.Infinite, hostile.Babbles])
def test_no_proper_answer_is_a_crash(check):
    assert refusal(check).kind == "crashed"


def test_the_sentence_of_an_input_error_comes_back():
    error = refusal(hostile.Complains)
    assert (error.kind, error.sentence) == ("input", "The table has no rows.")


def test_unknown_parameters_and_unknown_checks_are_input_errors():
    assert "no setting “speed”" in refusal(hostile.Polite, parameters={"speed": 3}).sentence
    with pytest.raises(SandboxError, match="no check “nonsense”") as caught:
        run_measurement(check_key="nonsense", job=JobDescription(inputs={}))
    assert caught.value.kind == "input"


def test_a_file_changed_since_its_upload_is_not_measured(tmp_path):
    record = tmp_path / "record.json"
    record.write_text("the record")
    inputs = attach(record)
    record.write_text("another record")
    with pytest.raises(SandboxError, match="no longer have the digest recorded at upload") as caught:
        measure_in_child(check=hostile.Polite, job=JobDescription(inputs=inputs), limits=SMALL)
    assert caught.value.kind == "input"


def test_a_file_that_is_gone_is_named(tmp_path):
    record = tmp_path / "record.json"
    record.write_text("the record")
    inputs = attach(record)
    record.unlink()
    with pytest.raises(SandboxError, match="are gone; upload the file again") as caught:
        measure_in_child(check=hostile.Polite, job=JobDescription(inputs=inputs), limits=SMALL)
    assert caught.value.kind == "input"


def test_the_log_is_kept_short():
    reading = measure_in_child(check=hostile.Shouts, job=JobDescription(inputs={}), limits=SMALL)
    assert 1000 < sum(len(line) for line in reading.log) < 20_000


def test_a_file_beyond_the_limit_is_not_written():
    assert refusal(hostile.Grows).kind == "crashed"


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces and Landlock are Linux")
def test_the_network_is_out_of_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        accepted = []
        server.settimeout(0.1)
        waiter = threading.Thread(target=lambda: accepted.append(_accept(server)))
        reading = measure_in_child(
            check=hostile.Phones, job=JobDescription(inputs={}, facts={"host": host, "port": port}), limits=SMALL
        )
        waiter.start()
        waiter.join()
    cut_off = not any("network" in line for line in reading.log)
    assert bool(reading.details["refused"]) == cut_off
    assert bool(accepted[0]) != cut_off


def _accept(server):
    try:
        connection, _ = server.accept()
    except TimeoutError:
        return False
    connection.close()
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces and Landlock are Linux")
def test_secrets_cannot_be_read_and_inputs_cannot_be_written(tmp_path):
    record, secret = tmp_path / "record.json", tmp_path / "secret.key"
    record.write_text("the record")
    secret.write_text("the key")
    project = Path(__file__).resolve().parents[3]
    facts = {
        "read": {"input": str(record), "secret": str(secret), "code": str(project / "approvals" / "sandbox.py")},
        "write": {"input": str(record), "beside": str(tmp_path / "new"), "code": str(project / "approvals" / "new.py")},
    }
    reading = measure_in_child(
        check=hostile.Pokes, job=JobDescription(inputs=attach(record), facts=facts), limits=SMALL
    )
    if any("could not be forbidden" in line for line in reading.log):
        pytest.skip("this kernel has no Landlock")
    found = dict(reading.details)
    assert not {"SECRET_KEY", "DATABASE_URL", "PORTAL_VAR", "BROKER_URL"} & set(found.pop("environment").split())
    assert found == {
        "read input": "done",
        "read secret": "PermissionError",
        "read code": "done",
        "write input": "PermissionError",
        "write beside": "PermissionError",
        "write code": "PermissionError",
        "write scratch": "done",
    }
    assert record.read_text() == "the record"
