"""A timestamp authority of our own: `openssl ts` behind a small HTTP server, with the faults that authorities have."""

import hashlib
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from modelcards.timestamping import TimestampAuthority

YEAR = timedelta(days=365)
CONFIGURATION = """
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
certs = {folder}/chain.pem
signer_key = {folder}/signer.key
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issue(subject, key, issuer, issuer_key, *, ca=False, years=40, stamps=True, uses=None, responder=""):
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - YEAR).not_valid_after(now + years * YEAR)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(above, critical=False)
    if responder:
        way = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder))
        builder = builder.add_extension(x509.AuthorityInformationAccess([way]), critical=False)
    if not ca:
        use = ExtendedKeyUsageOID.TIME_STAMPING if stamps else ExtendedKeyUsageOID.CODE_SIGNING
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses or [use]), critical=True)
        builder = builder.add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )  # fmt: skip
    return builder.sign(issuer_key, hashes.SHA256())


def crl(issuer, key, revoked=(), until=None):
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(now - 30 * timedelta(days=1) if until else now - timedelta(hours=1))
    builder = builder.next_update(until or now + YEAR)
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def make_authority(folder, *, stamps=True, years=40, responder=""):
    """Keys, a root, an authority below it, the signer of timestamps, and lists that revoke nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = issue(name("Time Root"), keys[0], name("Time Root"), keys[0], ca=True)
    middle = issue(name("Time Authority"), keys[1], root.subject, keys[0], ca=True, responder=responder)
    signer = issue(
        name("Time Signer"), keys[2], middle.subject, keys[1], years=years, stamps=stamps, responder=responder
    )
    pem = {one: one.public_bytes(Encoding.PEM) for one in (root, middle, signer)}
    (folder / "signer.pem").write_bytes(pem[signer])
    # The root is ballast in a token: whoever asks takes it out.
    (folder / "chain.pem").write_bytes(pem[middle] + pem[root])
    secret = keys[2].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signer.key").write_bytes(secret)
    (folder / "serial").write_text("01\n")
    (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
    lists = (crl(middle, keys[1]), crl(root, keys[0]))
    revoking = (crl(middle, keys[1], [signer]), crl(root, keys[0]))
    return SimpleNamespace(
        folder=folder,
        root=root,
        root_pem=pem[root],
        signer=signer,
        lists=lists,
        revoking=revoking,
        issuers=((middle, keys[1]), (root, keys[0])),
        fault="",
        asked=0,
        sound=0,
    )


def reply(tsa, request, fault):
    """What openssl answers; with a fault, to another request than the one that was sent."""
    if fault == "nonce":
        request = request[:-11] + b"A" * 8 + request[-3:]
    if fault == "document":
        place = request.index(bytes.fromhex("0420")) + 2
        request = request[:place] + hashlib.sha256(b"another").digest() + request[place + 32 :]
    query = tsa.folder / f"query-{threading.get_ident()}.tsq"
    query.write_bytes(request)
    command = ["openssl", "ts", "-reply", "-config", str(tsa.folder / "openssl.cnf"), "-queryfile", str(query)]
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    if fault == "changed":
        place = answer.rindex(b"Time Authority")
        return answer[:place] + b"time" + answer[place + 4 :]
    return {
        "garbage": b"<html>not a timestamp</html>",
        "empty": b"",
        "cut": answer[: len(answer) // 2],
        "refused": bytes.fromhex("30053003020102"),
        "huge": b"\x30" * 500_000,
        "bit": answer[:-20] + bytes([answer[-20] ^ 1]) + answer[-19:],
    }.get(fault, answer)


@contextmanager
def served(tsa, *, user=""):
    """The authority at an address; gives a function that makes a client for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            tsa.asked += 1
            fault = tsa.fault if tsa.asked > tsa.sound else ""
            request = self.rfile.read(int(self.headers["Content-Length"]))
            if user and "Basic" not in self.headers.get("Authorization", ""):
                return self.send_error(401)
            if fault == "slow":
                time.sleep(1.5)
            if fault == "http":
                return self.send_error(503)
            if fault == "moved":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:9/")
                return self.end_headers()
            body = reply(tsa, request, fault)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body)

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *args):
            """A client that did not wait is part of the game."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    tsa.url = f"http://127.0.0.1:{server.server_port}/tsr"

    def client(**changes):
        given = {"roots": (tsa.root,), "lists": tsa.lists, "seconds": 30.0, **changes}
        return TimestampAuthority(tsa.url, **given)

    try:
        yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
