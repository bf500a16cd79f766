"""The ground floor's pages: ledger by scope, one's own notifications, and people whose changes are recorded."""

import json

from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from portal.models import LedgerEntry, Notification
from tests.cast import PASSWORD, make_cast, person

BACKEND = "django.contrib.auth.backends.ModelBackend"


def at(name, *args):
    return reverse(f"admin:{name}", args=args)


def test_entries_about_a_model_are_read_by_those_who_see_it_and_no_other(client, cast):
    cast.publish()
    version = cast.version(cast.model("Zebra scoring"))
    entry = LedgerEntry.objects.filter(event="approvals.version.registered").get()
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(at("portal_ledgerentry_change", entry.seq)).status_code == 404
    assert "approvals.version" not in client.get(at("portal_ledgerentry_changelist")).content.decode()
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(at("portal_ledgerentry_change", entry.seq)).content.decode()
    assert bytes(entry.leaf).hex() in page
    assert client.post(at("portal_ledgerentry_change", entry.seq)).status_code == 405
    policy = LedgerEntry.objects.filter(event="approvals.policy.published").get()
    assert client.get(at("portal_ledgerentry_change", policy.seq)).status_code == 404
    assert version.scope == entry.scope


def test_notifications_are_ones_own_and_read_at_once(client, cast):
    cast.publish()
    cast.model()
    Notification.objects.create(
        user=cast.owner, event="x", text="For Olga <b>only</b>", link="/", created_at="2026-01-01T00:00:00Z"
    )
    url = at("portal_notification_changelist")
    client.force_login(cast.outsider, backend=BACKEND)
    assert "For Olga" not in client.get(url).content.decode()
    client.post(at("portal_notification_read"))
    assert Notification.objects.filter(read_at=None).count() == 1
    client.force_login(cast.owner, backend=BACKEND)
    assert "For Olga &lt;b&gt;only" in client.get(url).content.decode()
    client.post(at("portal_notification_read"))
    assert not Notification.objects.filter(read_at=None).exists()


def test_g38_a_change_of_an_account_is_recorded_and_nobody_changes_their_own_rights(client, cast):
    client.force_login(cast.superuser, backend=BACKEND)
    url = at("auth_user_change", cast.outsider.pk)
    form = client.get(url).context["adminform"].form
    given = {name: value for name, value in form.initial.items() if isinstance(value, str) and value}
    given |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "is_staff": "on"}
    assert client.post(url, given).status_code == 302
    assert not User.objects.get(pk=cast.outsider.pk).is_active
    facts = json.loads(LedgerEntry.objects.get(event="portal.account.changed").payload)["facts"]
    assert (facts["account"], facts["active"]) == (cast.outsider.pk, False)
    own = client.get(at("auth_user_change", cast.superuser.pk)).content.decode()
    assert 'name="is_superuser"' not in own
    assert client.post(at("auth_user_delete", cast.outsider.pk), {"post": "yes"}).status_code == 403


def test_who_manages_accounts_makes_no_superuser_and_touches_none(client, cast):
    clerk = person("clerk", "Clara Clerk")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user", "add_user"]))
    client.force_login(clerk, backend=BACKEND)
    url = at("auth_user_change", cast.superuser.pk)
    client.post(url, {"username": "root", "password": "x"})
    assert client.post(f"/auth/user/{cast.superuser.pk}/password/", {"password1": "x"}).status_code in (302, 403, 404)
    assert User.objects.get(pk=cast.superuser.pk).check_password("correct horse battery staple")
    page = client.get(at("auth_user_change", cast.outsider.pk)).content.decode()
    assert 'name="is_superuser"' not in page
    assert 'name="user_permissions"' not in page


def test_too_many_wrong_passwords_at_sign_in_are_told_in_a_page_that_names_nobody(client, cast, settings):
    form = {"username": cast.submitter.get_username(), "password": "guess"}
    answers = [client.post("/login/", form) for _ in range(settings.AXES_FAILURE_LIMIT + 1)]
    assert [answer.status_code for answer in answers[-2:]] == [429, 429]
    html = answers[-1].content.decode()
    assert "Too many wrong passwords" in html
    assert "15 minutes" in html
    assert cast.submitter.get_full_name() not in html
    right = client.post("/login/", {**form, "password": PASSWORD})
    assert right.status_code == 429
    assert client.post("/login/", {"username": "owner", "password": PASSWORD}).status_code == 302


def test_an_administrator_lifts_a_lock_and_that_is_recorded(client, cast, settings):
    form = {"username": "owner", "password": "guess"}
    for _ in range(settings.AXES_FAILURE_LIMIT):
        client.post("/login/", form)
    act = {"action": "lift_lock", "_selected_action": [cast.owner.pk]}
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post("/auth/user/", act).status_code == 403
    client.logout()
    assert client.post("/login/", {**form, "password": PASSWORD}).status_code == 429
    client.force_login(cast.superuser, backend=BACKEND)
    assert b"Locked out" in client.get("/auth/user/").content
    assert client.post("/auth/user/", {**act, "_selected_action": [cast.superuser.pk]}).status_code == 302
    assert not LedgerEntry.objects.filter(event="portal.account.unlocked").exists(), "nobody lifts their own"
    assert client.post("/auth/user/", act).status_code == 302
    [entry] = LedgerEntry.objects.filter(event="portal.account.unlocked")
    assert (entry.actor_id, entry.object_id) == (cast.superuser.pk, str(cast.owner.pk))
    client.logout()
    assert client.post("/login/", {**form, "password": PASSWORD}).status_code == 302


def test_an_entry_of_the_ledger_leads_to_what_it_is_about(client, cast):
    model = cast.model()
    client.force_login(cast.superuser, backend=BACKEND)
    entry = LedgerEntry.objects.filter(event="approvals.model.registered").get()
    html = client.get(f"/portal/ledgerentry/{entry.pk}/change/").content.decode()
    assert f'<a href="/approvals/registeredmodel/{model.pk}/change/">Registered model {model.pk}</a>' in html
    assert f"Registered model {model.pk}" in client.get("/portal/ledgerentry/").content.decode()


def test_a_password_set_by_another_is_recorded_and_its_owner_told(client, committed_database):

    cast = make_cast()
    client.force_login(cast.superuser, backend=BACKEND)
    new = {"usable_password": "true", "password1": "Zebra-crossing-77!", "password2": "Zebra-crossing-77!"}
    assert client.post(f"/auth/user/{cast.owner.pk}/password/", {**new, "set-password": "1"}).status_code == 302
    assert User.objects.get(pk=cast.owner.pk).check_password("Zebra-crossing-77!")
    [entry] = LedgerEntry.objects.filter(event="portal.account.password_set")
    assert (entry.actor_id, entry.object_id) == (cast.superuser.pk, str(cast.owner.pk))
    assert "Rosa Root set a new password" in Notification.objects.get(user=cast.owner).text


def test_only_a_superuser_gives_rights_through_a_group(client, cast):
    group = Group.objects.create(name="Risk")
    cast.outsider.user_permissions.set(
        Permission.objects.filter(codename__in=("view_group", "change_group", "add_group", "change_user"))
    )
    group.user_set.add(cast.outsider)
    client.force_login(cast.outsider, backend=BACKEND)
    right = Permission.objects.get(codename="publish_policy").pk
    answer = client.post(f"/auth/group/{group.pk}/change/", {"name": "Risk", "permissions": [right]})
    assert answer.status_code == 403
    assert client.post("/auth/group/add/", {"name": "Mine", "permissions": [right]}).status_code == 403
    assert not group.permissions.exists()


def test_a_number_that_no_row_can_have_is_not_found(client, cast):
    client.force_login(cast.superuser, backend=BACKEND)
    for kind in ("approvals/modelversion", "approvals/policy", "approvals/evidence", "portal/ledgerentry"):
        assert client.get(f"/{kind}/{'9' * 5000}/change/").status_code == 404
