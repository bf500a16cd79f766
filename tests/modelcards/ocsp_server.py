"""A responder (OCSP, RFC 6960) of our own, with the faults that responders have."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.modelcards.timestamp_server import issue, name

HOUR = timedelta(hours=1)


def answered(responder, request):
    """The answer to a request, or what a faulty responder says instead."""
    asked, fault = ocsp.load_der_ocsp_request(request), responder.fault
    certificate, issuer, key = responder.known[asked.serial_number]
    if fault == "another":
        certificate, issuer, key = next(one for number, one in responder.known.items() if number != asked.serial_number)
    now, signer, helper = datetime.now(UTC), key, None
    made, due = now - HOUR, now + 24 * HOUR
    if fault == "stale":
        made, due = now - 48 * HOUR, now - 24 * HOUR
    if fault in OF:
        signer = ec.generate_private_key(ec.SECP256R1())
        by = signer if fault == "stranger" else key
        helper = issue(name("Deputy"), signer, issuer.subject, by, uses=[OF[fault]])
    revoked = fault == "revoked"
    builder = ocsp.OCSPResponseBuilder().add_response(
        certificate, issuer, hashes.SHA1(),
        {"revoked": ocsp.OCSPCertStatus.REVOKED, "unknown": ocsp.OCSPCertStatus.UNKNOWN}.get(
            fault, ocsp.OCSPCertStatus.GOOD
        ),
        made, None if fault == "no end" else due, now if revoked else None, None,
    )  # fmt: skip
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, helper or issuer)
    builder = builder.certificates([helper]) if helper else builder
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


ANSWERS, SIGNS_CODE = ExtendedKeyUsageOID.OCSP_SIGNING, ExtendedKeyUsageOID.CODE_SIGNING
OF = {"deputy": ANSWERS, "clerk": SIGNS_CODE, "stranger": ANSWERS}
"""Who answers in the issuer's place, and what their certificate is for; the stranger's is by nobody but themselves."""


@contextmanager
def answering():
    """A responder at an address; `known` is filled with (certificate, issuer, its key) by serial number."""
    responder = SimpleNamespace(known={}, fault="", asked=0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            responder.asked += 1
            request = self.rfile.read(int(self.headers["Content-Length"]))
            if responder.fault == "moved":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:9/")
                return self.end_headers()
            if responder.fault == "http":
                return self.send_error(503)
            body = {
                "garbage": b"<html>",
                "later": ocsp.OCSPResponseBuilder.build_unsuccessful(
                    ocsp.OCSPResponseStatus.TRY_LATER
                ).public_bytes(Encoding.DER),
                "huge": b"0" * 300_000,
            }.get(responder.fault) or answered(responder, request)  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body)

        def log_message(self, *args):
            pass

    class Server(HTTPServer):
        def handle_error(self, *args):
            """A client that did not read all is part of the game."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    responder.url = f"http://127.0.0.1:{server.server_port}/ocsp"
    try:
        yield responder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
