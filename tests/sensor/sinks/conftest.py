from __future__ import annotations

import shutil
import ssl
import subprocess
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself, made by openssl; and the context of a server with it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: make store-programs installs it as root")
    folder = tmp_path_factory.mktemp("tls")
    made = SimpleNamespace(path=folder / "server.crt", key=folder / "server.key")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", made.key, "-out", made.path,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    made.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.server.load_cert_chain(made.path, made.key)
    return made
