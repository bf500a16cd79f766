"""The people of the demonstration: staff accounts with one common random password, made at the first seed.

Accounts are configuration, not acts; rights on models are granted later, by the administrator, through the use case.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import Permission, User

from approvals.stages import Role

DOMAIN = "example.com"
PASSWORD_LINE = "Password of all accounts: "  # noqa: S105  (what stands before it in the file)


@dataclass(frozen=True)
class Person:
    """One account: name, what the person does, the role they sign as, and rights that hold everywhere."""

    username: str
    first_name: str
    last_name: str
    does: str
    role: Role | None = None
    everywhere: tuple[str, ...] = ()
    is_superuser: bool = False

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    @property
    def signs_as(self) -> str:
        """The role in the middle of a sentence."""
        return self.role.in_words if self.role else "nobody"

    @property
    def email(self) -> str:
        """An address that reaches nobody."""
        return f"{self.username}@{DOMAIN}"


ADA = Person("ada", "Ada", "Okonkwo", "Data scientist: develops and submits models", None, ("add_registeredmodel",))
ROSA = Person("rosa", "Rosa", "Jiménez", "Business analyst", Role.BUSINESS_ANALYST)
HENRIK = Person("henrik", "Henrik", "Lund", "Business owner of the models", Role.BUSINESS_OWNER)
PRIYA = Person("priya", "Priya", "Raman", "Data steward", Role.DATA_STEWARD)
TOMASZ = Person("tomasz", "Tomasz", "Nowak", "Lead data scientist", Role.LEAD_DATA_SCIENTIST)
ELIF = Person("elif", "Elif", "Kaya", "Model validator", Role.MODEL_VALIDATOR)
MATEO = Person("mateo", "Mateo", "Ferreira", "Validation analyst: writes the validation report", Role.MODEL_VALIDATOR)
SAMIRA = Person("samira", "Samira", "Haddad", "Risk officer", Role.RISK_OFFICER)
GRACE = Person("grace", "Grace", "Mbeki", "Compliance officer", Role.COMPLIANCE_OFFICER)
YUKI = Person("yuki", "Yuki", "Tanaka", "Security officer", Role.SECURITY_OFFICER)
LEILANI = Person("leilani", "Leilani", "Kahale", "IT operations", Role.IT_OPERATIONS)
VIKTOR = Person("viktor", "Viktor", "Aaltonen", "Auditor: reads everything, changes nothing")
OSCAR = Person("oscar", "Oscar", "Lindqvist", "Works elsewhere in the bank: has no right on any model")
NADIA = Person(
    "nadia", "Nadia", "Petrova", "Administrator: may configure everything and sign nothing", is_superuser=True
)
CLARA = Person("clara", "Clara", "Weiss", "Writes policies", None, ("view_policy", "add_policy", "change_policy"))
DAVID = Person("david", "David", "Cohen", "Publishes policies", None, ("view_policy", "publish_policy"))

PEOPLE = (
    *(ADA, ROSA, HENRIK, PRIYA, TOMASZ, ELIF, MATEO, SAMIRA, GRACE, YUKI, LEILANI),
    *(VIKTOR, OSCAR, NADIA, CLARA, DAVID),
)
SIGNERS = tuple(person for person in PEOPLE if person.role is not None)


def user(person: Person) -> User:
    """The account of a person, freshly read."""
    return User.objects.get(username=person.username)


def create_accounts(password: str) -> None:
    """Make the accounts that are missing. Those that exist keep their password and rights."""
    for person in PEOPLE:
        if User.objects.filter(username=person.username).exists():
            continue
        made = User.objects.create_user(
            person.username,
            person.email,
            password,
            first_name=person.first_name,
            last_name=person.last_name,
            is_staff=True,
            is_superuser=person.is_superuser,
        )
        rights = Permission.objects.filter(content_type__app_label="approvals", codename__in=person.everywhere)
        made.user_permissions.set(rights)


def logins_file(var: Path) -> Path:
    """Where names and password are written for whoever tries the demonstration."""
    return var / "demo" / "logins.txt"


def common_password(var: Path) -> str:
    """The password of all accounts: what an earlier attempt wrote down, else a new random one, written down first."""
    path = logins_file(var)
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        return next(line.removeprefix(PASSWORD_LINE) for line in lines if line.startswith(PASSWORD_LINE))
    password = secrets.token_urlsafe(12)
    width = max(len(person.username) for person in PEOPLE)
    names = [f"{p.username:<{width}}  {p.full_name}, {p.does}" for p in PEOPLE]
    draft = path.with_suffix(".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(("People of the demonstration", "", *names, "", f"{PASSWORD_LINE}{password}", "")))
    draft.replace(path)
    return password
