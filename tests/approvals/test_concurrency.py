"""Many people at once, on both engines: exactly the legal acts happen, and nobody sees a locked database."""

from collections import Counter

import pytest
from django.contrib.auth.models import User
from django.db import connection

from approvals import permissions
from approvals.models import ModelVersion, SignOff
from approvals.stages import Role, Stage
from portal.auditing import verify
from portal.errors import DomainError, Refused
from portal.models import LedgerEntry
from tests.cast import make_cast, person
from tests.databases import at_once

pytestmark = pytest.mark.both_engines
GATES = {"scoping": [{"signoffs": {"role": "business_analyst", "people": 2}}]}
THREADS = 16
# SQLite has one writer for all, and the queue must hold for long; PostgreSQL locks the row of each version by itself.
VERSIONS = {"sqlite": 40, "postgresql": 20}


def attempt(act):
    """What came of an act: "done", or the class of the refusal."""
    try:
        act()
    except DomainError as refusal:
        return type(refusal).__name__
    return "done"


@pytest.fixture
def crowd(committed_database):
    cast = make_cast()
    cast.publish(GATES)
    return cast


def analysts(cast, model, count):
    people = [person(f"analyst{number}", f"Analyst Number{number}") for number in range(count)]
    for user in people:
        permissions.grant(
            actor=cast.superuser, codename=permissions.permission_for(Role.BUSINESS_ANALYST), to=user, model=model
        )
    return people


@pytest.mark.timeout(600)  # only for what is broken: on SQLite it is 640 signatures
def test_g1_sixteen_people_sign_many_versions_at_once_and_each_signature_counts_once(crowd):
    model = crowd.model()
    people = analysts(crowd, model, THREADS)
    versions = [crowd.version(model, number=f"1.{number}") for number in range(VERSIONS[connection.vendor])]
    requests = {version.pk: crowd.request(version, Role.BUSINESS_ANALYST) for version in versions}

    def work(place):
        outcomes = []
        for version in versions:
            asked = requests[version.pk]
            mine = type(asked)(**{**asked.__dict__, "idempotency_key": f"{place}-{version.pk}"})
            outcomes.append(
                attempt(lambda v=version, a=mine: crowd.sign(v, Role.BUSINESS_ANALYST, by=people[place], asked=a))
            )
        return outcomes

    outcomes = Counter(outcome for answers in at_once(work, threads=THREADS) for outcome in answers)
    assert outcomes == {"done": THREADS * len(versions)}
    assert SignOff.objects.count() == THREADS * len(versions)
    report = verify()
    assert report.ok, report.sentences


def test_g2_one_form_posted_sixteen_times_is_one_signature(crowd):
    version = crowd.version()
    asked = crowd.request(version, Role.BUSINESS_ANALYST)
    rows = at_once(lambda _place: crowd.sign(version, Role.BUSINESS_ANALYST, asked=asked).pk, threads=THREADS)
    assert len(set(rows)) == 1
    assert SignOff.objects.count() == 1
    with pytest.raises(Refused, match="used already"):
        crowd.sign(
            version, Role.BUSINESS_ANALYST, asked=type(asked)(**{**asked.__dict__, "comment": "Another reason here."})
        )


def test_g1_the_last_two_signatures_and_sixteen_advances_move_the_version_once(crowd):
    model = crowd.model()
    version = crowd.version(model)
    people = [crowd.signers[Role.BUSINESS_ANALYST], *analysts(crowd, model, 1)]

    def work(place):
        if place < len(people):
            return attempt(lambda: crowd.sign(version, Role.BUSINESS_ANALYST, by=people[place]))
        return attempt(lambda: crowd.advance(version))

    at_once(work, threads=THREADS)
    while ModelVersion.objects.get(pk=version.pk).stage == Stage.SCOPING:
        crowd.advance(version)
    moved = LedgerEntry.objects.filter(event="approvals.version.advanced")
    left_scoping = [entry for entry in moved if '"from":"scoping"' in entry.payload]
    assert len(left_scoping) == 1
    assert SignOff.objects.count() == len(people)
    assert verify().ok


def test_g11_a_right_that_is_withdrawn_counts_at_once(crowd):
    version = crowd.version()
    asked = crowd.request(version, Role.BUSINESS_ANALYST)
    User.objects.filter(pk=crowd.signers[Role.BUSINESS_ANALYST].pk).update(is_active=False)
    stale = crowd.signers[Role.BUSINESS_ANALYST]
    assert attempt(lambda: crowd.sign(version, Role.BUSINESS_ANALYST, by=stale, asked=asked)) == "NotPermitted"
    assert SignOff.objects.count() == 0
