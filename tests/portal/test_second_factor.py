"""One-time codes: set up, used once, counted like wrong passwords, and removed by their owner or for a lost device."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.cache import SessionStore
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from approvals.models import SignOff
from approvals.stages import Role
from portal import reauthentication, second_factor
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import PASSWORD, person, web_request

BACKEND = "django.contrib.auth.backends.ModelBackend"
ROLE = Role.BUSINESS_ANALYST


def code_of(user, *, ahead=0):
    """What the device of that person shows now, or some steps later."""
    device = TOTPDevice.objects.filter(user=user).latest("pk")
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    return f"{totp.token() if not ahead else _later(totp, ahead):06d}"


def _later(totp, steps):
    totp.time = totp.time + 30 * steps
    return totp.token()


@pytest.fixture
def enrolled(db):
    user = person("enrolled", "Erin Enrolled")
    second_factor.begin(person=user)
    second_factor.confirm(person=user, code=code_of(user))
    return user


def used_before(user):
    """Let the last code lie in the past, as time does."""
    TOTPDevice.objects.filter(user=user).update(last_t=-1)


def test_codes_are_set_up_on_ones_own_page_with_the_password_and_the_first_code(client, cast):
    user = cast.signers[ROLE]
    client.force_login(user, backend=BACKEND)
    url = reverse("admin:one_time_codes")
    assert not TOTPDevice.objects.exists()
    assert "No codes are set up" in client.get(url).content.decode()
    page = client.post(url, {"begin": "1"}, follow=True).content.decode()
    assert "<svg" in page
    device = TOTPDevice.objects.get()
    for given in ({"password": "wrong", "code": code_of(user)}, {"password": PASSWORD, "code": "000000"}):
        assert "Nothing was changed" in client.post(url, given).content.decode()
    device.throttle_reset()
    assert client.post(url, {"password": PASSWORD, "code": code_of(user)}).status_code == 302
    page = client.get(url).content.decode()
    assert "Codes are set up" in page
    assert "<svg class" not in page.split("content-main")[1]
    with pytest.raises(NotPermitted):
        second_factor.shown_secret(TOTPDevice.objects.get())
    assert LedgerEntry.objects.get(event="portal.account.codes_set_up").actor_id == user.pk
    used_before(user)
    assert client.post(url, {"password": PASSWORD, "code": code_of(user)}).status_code == 302
    assert not TOTPDevice.objects.exists()
    assert LedgerEntry.objects.filter(event="portal.account.codes_removed").count() == 1


def test_g12_a_code_is_accepted_once_and_junk_never(enrolled):
    with pytest.raises(BadInput):
        second_factor.accept(person=enrolled, code=code_of(enrolled))  # it confirmed the device
    used_before(enrolled)
    TOTPDevice.objects.get().throttle_reset()
    code = code_of(enrolled)
    second_factor.accept(person=enrolled, code=code)
    for junk in (code, "", "１２３４５６", "-1", "9" * 50, "abc"):
        TOTPDevice.objects.get().throttle_reset()
        with pytest.raises(BadInput):
            second_factor.accept(person=enrolled, code=junk)


@pytest.fixture
def version(cast):
    cast.publish({"scoping": [{"signoffs": {"role": ROLE.value}}]}, one_time_codes=[ROLE.value])
    version = cast.version()
    cast.artifact(version)
    return version


def test_a_policy_that_asks_for_codes_refuses_who_has_none_and_the_refusal_is_recorded(cast, version):
    with pytest.raises(Refused, match="none is set up"):
        cast.sign(version, ROLE)
    assert not SignOff.objects.exists()
    assert LedgerEntry.objects.filter(event="approvals.signoff.refused").count() == 1


def test_g12_with_codes_set_up_the_password_alone_signs_nothing(cast, version):
    user = cast.signers[ROLE]
    second_factor.begin(person=user)
    second_factor.confirm(person=user, code=code_of(user))
    used_before(user)
    for given in ({"code": ""}, {"code": "123"}, {"password": "wrong", "code": code_of(user)}):
        with pytest.raises(BadInput):
            cast.sign(version, ROLE, **given)
        TOTPDevice.objects.get().throttle_reset()
    other = person("other", "Otto Other")
    second_factor.begin(person=other)
    second_factor.confirm(person=other, code=code_of(other))
    with pytest.raises(BadInput):
        cast.sign(version, ROLE, code=code_of(other))
    TOTPDevice.objects.get(user=user).throttle_reset()
    signed = cast.sign(version, ROLE, code=code_of(user))
    assert signed.authentication == "password and one-time code"


def test_g12_wrong_codes_lock_signing_as_wrong_passwords_do(cast, version):
    user = cast.signers[ROLE]
    second_factor.begin(person=user)
    second_factor.confirm(person=user, code=code_of(user))
    for attempt in range(5):
        with pytest.raises(BadInput) as caught:
            cast.sign(version, ROLE, code="000000")
        assert (caught.value.code == "locked-out") is (attempt == 4)
    used_before(user)
    TOTPDevice.objects.get().throttle_reset()
    with pytest.raises(BadInput) as caught:
        cast.sign(version, ROLE, code=code_of(user))
    assert caught.value.code == "locked-out"
    assert not SignOff.objects.exists()


def test_a_series_in_one_session_asks_the_code_once_and_the_password_each_time(enrolled):
    used_before(enrolled)
    request = web_request()
    request.session = SessionStore()
    now = timezone.now()

    def confirm(later=timedelta(0), code="", password=PASSWORD, http_request=request):
        return reauthentication.confirm(
            actor=enrolled,
            proof=reauthentication.Proof(password, code),
            http_request=http_request,
            code_needed=True,
            now=now + later,
        )

    assert confirm(code=code_of(enrolled)) == "password and one-time code"
    assert confirm(timedelta(minutes=9)).startswith("password; one-time code at ")
    with pytest.raises(BadInput, match="password"):
        confirm(timedelta(minutes=9), password="wrong")
    with pytest.raises(BadInput, match="code"):
        confirm(timedelta(minutes=10))
    TOTPDevice.objects.get().throttle_reset()
    elsewhere = web_request()
    elsewhere.session = SessionStore()
    with pytest.raises(BadInput, match="code"):
        confirm(timedelta(minutes=1), http_request=elsewhere)
    stranger = person("stranger", "Stan Stranger")
    assert reauthentication.code_asked(stranger, request, now=now) is False
    assert reauthentication.code_asked(enrolled, elsewhere, now=now) is True


def test_an_administrator_removes_codes_of_a_lost_device_and_its_owner_is_told(client, cast, enrolled):
    client.force_login(cast.outsider, backend=BACKEND)
    url = reverse("admin:auth_user_changelist")
    given = {"action": "remove_codes", "_selected_action": [enrolled.pk]}
    assert client.post(url, given).status_code in (302, 403)
    assert TOTPDevice.objects.filter(user=enrolled).exists()
    client.force_login(cast.superuser, backend=BACKEND)
    client.post(url, given)
    assert not TOTPDevice.objects.filter(user=enrolled).exists()
    assert Notification.objects.filter(user=enrolled, event="portal.account.codes_removed").exists()
    entry = LedgerEntry.objects.get(event="portal.account.codes_removed")
    assert entry.actor_id == cast.superuser.pk


def test_no_page_of_the_admin_shows_a_secret(cast, enrolled):
    browser = Client()
    browser.force_login(cast.superuser, backend=BACKEND)
    assert browser.get("/otp_totp/totpdevice/").status_code == 404
    assert "otp_totp" not in browser.get("/").content.decode()
