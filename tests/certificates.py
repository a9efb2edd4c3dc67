"""An authority and a certificate that it has signed, made for the occasion.

In the flow: asked by tests of brokers that speak TLS.
Guarantee: both are good for two days, and for this machine's own address only.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["Certificate", "certificate"]

_MAKE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"


class Certificate(NamedTuple):
    """Files (PEM) of a certificate, its private key, and the authority's certificate."""

    cert: Path
    key: Path
    ca: Path

    @property
    def options(self) -> list[str]:
        """What a NATS server is told to use it."""
        return ["--tls", "--tlscert", str(self.cert), "--tlskey", str(self.key)]


def certificate(folder: Path) -> Certificate:
    """Make an authority, and a certificate of it for 127.0.0.1, in ``folder``."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl makes the certificate: apt-get install openssl"
    folder.mkdir(exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca-key.pem"
    made = Certificate(folder / "cert.pem", folder / "key.pem", ca)
    make = [openssl, *_MAKE.split()]
    own = [*make, "-subj", "/CN=an authority", "-keyout", str(ca_key), "-out", str(ca)]
    signed = [*make, "-subj", "/CN=broker", "-CA", str(ca), "-CAkey", str(ca_key)]
    signed += ["-addext", "subjectAltName=IP:127.0.0.1"]
    signed += ["-addext", "basicConstraints=critical,CA:false"]
    signed += ["-keyout", str(made.key), "-out", str(made.cert)]
    for command in (own, signed):
        subprocess.run(command, check=True, capture_output=True)
    return made
