"""``livetally serve``: starts the server and stays until it is told to stop.

In the flow: receives options, hands settings to ``server``.
Guarantee: an option wins over the environment and ``.env``; one that is not given leaves them be. A
secret is no option: other users of the machine see command lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from livetally.cli.argument_secrets import refuse_secret
from livetally.cli.overrides import overrides

__all__ = ["serve"]


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    definitions: list[Path] | None = None,
    catalog: str | None = None,
    role: str | None = None,
    log_level: str | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    behind_proxy: str | None = None,
    further: Annotated[list[str] | None, Parameter(name="--set")] = None,
) -> int:
    """Start the server. Blocks until SIGTERM or SIGINT; then returns 0.

    Args:
        host: Address to listen on; 127.0.0.1 by default.
        port: Port to listen on; 8080 by default, 0 takes a free one.
        data: Directory of everything that is kept; ./livetally-data by default.
        definitions: Definition file to apply at start, for all teams; may be repeated.
        catalog: URL of the catalog: sqlite://, postgresql://, mariadb://; in --data by default.
        role: With a store beyond this machine: api, loader, worker (of sources) or all.
        log_level: debug, info, warning or error.
        tls_cert: File of the certificate and its chain (PEM); with --tls-key, https.
        tls_key: File of the certificate's private key (PEM).
        behind_proxy: Addresses of proxies whose X-Forwarded headers are believed.
        further: Any other setting, as query_threads=8; may be repeated.

    Raises:
        LivetallyError: it can't start; names the setting, file or directory and the reason.
    """
    from livetally.server.run import serve as serve_settings
    from livetally.settings import Settings, load_settings

    if role == "worker":
        from livetally.cli.worker import worker

        return worker()
    refuse_secret("--catalog", "catalog", catalog)
    named: dict[str, Any] = {
        "host": host,
        "port": port,
        "data": _text(data),
        "definitions": tuple(map(str, definitions)) if definitions else None,
        "catalog": catalog,
        "role": role,
        "log_level": log_level,
        "tls_cert": _text(tls_cert),
        "tls_key": _text(tls_key),
        "behind_proxy": behind_proxy,
    }
    others = overrides(further or (), set(Settings.__struct_fields__) - set(named))
    return serve_settings(load_settings(named | others))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
