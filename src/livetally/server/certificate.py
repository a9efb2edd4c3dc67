"""Until when a certificate is good, as a client would find it.

In the flow: asked by ``doctor``.
Guarantee: it is tried and not only read: a server and a client shake hands in memory.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from livetally.clock import US_PER_S, SystemClock

__all__ = ["seconds_left"]

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def seconds_left(cert: str, key: str) -> float:
    """Return for how many seconds the certificate in the file ``cert`` will be good.

    Args:
        cert: file of the certificate and its chain (PEM).
        key: file of its private key.

    Raises:
        OSError: a file can't be read, they don't fit, or the certificate is not good now.
        ValueError: there is no certificate in the file.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    own = _PEM.search(Path(cert).read_text(encoding="ascii"))
    if own is None:
        raise ValueError(f"there is no certificate in {cert}")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # Trusted for what it is: who signed it is for browsers to judge.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cadata=own[0])
    ends = ssl.cert_time_to_seconds(str(_seen(server, client)["notAfter"]))
    return ends - SystemClock().now_us() / US_PER_S


def _seen(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, object]:
    """Return the server's certificate as the client sees it, after they have shaken hands."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(back, there)
    far = server.wrap_bio(there, back, server_side=True)
    ends, waiting = [near, far], True
    while waiting:
        waiting = False
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                waiting = True
    return dict(near.getpeercert() or {})
