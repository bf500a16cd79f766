"""Monitors measured on tables of a test: no database, no child process, the same entry points."""

import csv
import hashlib
import io

from approvals.checks.base import Input, Job, build
from monitoring import monitors


def as_csv(columns):
    """A table as bytes, from values by column."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue().encode()


class Bench:
    """Measures and judges one monitor on two tables."""

    def __init__(self, folder):
        self.folder = folder

    def job(self, key, reference, batch, details, parameters=None, thresholds=None, facts=None, levels=()):
        """The job that a worker would hand over."""
        kind = monitors.find(key)
        inputs = {}
        for name, table in (("reference", reference), ("batch", batch)):
            content = table if isinstance(table, bytes) else as_csv(table)
            path = self.folder / f"{name}.csv"
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            inputs[name] = Input(name, path, f"{name}.csv", digest, details=details)
        limits = build(kind.Thresholds, thresholds or {}, owner="the test")
        asked = build(kind.Parameters, parameters or {}, owner="the test")
        further = tuple(build(kind.Thresholds, given, owner="the test") for given in levels)
        return Job(inputs, facts or {}, asked, 1, self.folder, limits, further_thresholds=further)

    def measure(self, key, *given, **more):
        """The reading."""
        return monitors.find(key)().measure(self.job(key, *given, **more), lambda share, text: None)

    def judge(self, key, *given, **more):
        """The judgement by the thresholds that it was measured for."""
        job = self.job(key, *given, **more)
        monitor = monitors.find(key)()
        return monitor.judge(monitor.measure(job, lambda share, text: None), job.thresholds)
