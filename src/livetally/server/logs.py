"""Logs: one line of key=value pairs for each happening, to standard error.

In the flow: set up once by ``run``; rooms log through structlog.
Guarantee: what is logged was chosen word by word; requests' headers and bodies never are. And what
looks like a key or a token is cut short, should one ever come in with somebody else's words.
"""

from __future__ import annotations

import logging
import sys

import structlog

from livetally.tenancy import without_secrets

__all__ = ["set_up_logs"]


_CHATTY = ("clickhouse_connect", "urllib3")


def set_up_logs(level: str, form: str = "auto") -> None:
    """Write logs of ``level`` and above.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``logfmt``, ``json``, or ``auto``: lines for people on a terminal, else logfmt.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    elif form == "auto" and sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    else:
        renderer = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _shortened,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in _CHATTY:  # every try again of a server that is away; we tell of it ourselves
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Shortening(logging.BASIC_FORMAT))


class _Shortening(logging.Formatter):
    """Writes what libraries log, with their tracebacks, as ``_shortened`` does with our own."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _shortened(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {
        name: without_secrets(value) if isinstance(value, str) else value
        for name, value in event.items()
    }
