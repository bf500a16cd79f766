"""A refused account is told from a server that does not answer, in whatever language the server speaks."""

import psycopg
import pytest

from approvals.measures.postgresql_engine import load
from approvals.measures.postgresql_log_in import LogInRefusedError, logged_in
from approvals.measures.reading import DeniedError, UnreachableError
from tests.refusing_server import refusing


@pytest.mark.parametrize(
    ("severity", "code", "message", "is_refused"),
    [
        ("SCHWERWIEGEND", "28P01", "Passwort-Authentifizierung für Benutzer »reader« fehlgeschlagen", True),
        ("致命错误", "28000", "没有用于主机的 pg_hba.conf 记录", True),
        ("ERREUR", "3D000", "la base de données « db » n'existe pas", True),
        ("FATAL", "42501", "droit refusé pour la base de données", True),
        ("FATAL", "08P01", "password authentication failed", True),  # a pool, which has one code for everything
        ("SCHWERWIEGEND", "53300", "zu viele Verbindungen, sagt 28P01: der Server", False),
        ("FATAL", "57P03", "the database system is starting up", False),
    ],
)
def test_the_code_says_whether_the_account_is_refused(severity, code, message, is_refused):
    with refusing(severity, code, message) as server:
        url = f"postgresql://reader:topsecret@127.0.0.1:{server.port}/db"
        with pytest.raises(DeniedError if is_refused else UnreachableError) as found:
            load(url, "public.scores")
        assert server.asked == 1, "once, because each wrong password counts"
    assert "topsecret" not in found.value.sentence


def test_of_several_servers_each_is_asked_and_a_refusal_is_told():
    with refusing("SCHWERWIEGEND", "28P01", "Nein") as server, refusing("FATAL", "57P03", "Later") as other:
        url = f"postgresql://reader@/db?host=127.0.0.1,127.0.0.1,127.0.0.1&port={server.port},1,{other.port}"
        with pytest.raises(LogInRefusedError, match="28P01"):
            logged_in(url, seconds=10)
        assert (server.asked, other.asked) == (1, 1)


def test_what_answers_nothing_at_all_is_waited_for_only_so_long():
    with refusing(is_silent=True) as server, pytest.raises(psycopg.errors.ConnectionTimeout):
        logged_in(f"postgresql://reader@127.0.0.1:{server.port}/db", seconds=0.2)
    with pytest.raises(psycopg.OperationalError, match="sslmode"):
        logged_in("postgresql://reader@127.0.0.1:1/db?sslmode=nonsense", seconds=1)
