"""Traces: what the server does, as spans that a collector shows in their order and length.

In the flow: rooms enter ``span``; ``server`` says at its start where spans go.
Guarantee: without a collector a span costs a tenth of a microsecond and no package; a name or an
attribute never holds anything that a client sent. A collector that is away costs spans, nothing
else: they are handed over on a thread of their own, from a queue that is bounded.

Source: OpenTelemetry, semantic conventions of HTTP servers; W3C Trace Context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from livetally.errors import SettingInvalid

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["Attribute", "Span", "span", "trace_to"]

Attribute = str | int | float | bool


class Span(Protocol):
    """What is under way; ``set_attribute`` adds what is known only later."""

    def set_attribute(self, key: str, value: Attribute) -> object:
        """Add to what is told of it."""
        ...


class _Nothing:
    def set_attribute(self, key: str, value: Attribute) -> None:
        """Tell nobody."""


_NOTHING = nullcontext(_Nothing())
_Begin = Callable[
    [str, Mapping[str, Attribute], Mapping[str, str] | None], AbstractContextManager[Span]
]
_begin: _Begin | None = None


def span(
    name: str,
    attributes: Mapping[str, Attribute] | None = None,
    carried: Mapping[str, str] | None = None,
) -> AbstractContextManager[Span]:
    """Return what is to be entered while something is under way.

    Args:
        name: what it is, one of a few.
        attributes: what is known of it.
        carried: headers of the request that it belongs to, with its ``traceparent``; a server's
            span. Without them it is part of the span around it, or one of its own.
    """
    return _NOTHING if _begin is None else _begin(name, attributes or {}, carried)


def trace_to(collector: str) -> Callable[[], None]:
    """Send spans to a collector from now on; return what sends the last ones and ends it.

    Sampling, headers and the rest follow the variables of OpenTelemetry (``OTEL_…``).

    Args:
        collector: base address, such as ``http://127.0.0.1:4318``; "" for none.

    Raises:
        SettingInvalid: the packages are missing, or the address is none.
    """
    if not collector:
        return lambda: None
    if not collector.startswith(("http://", "https://")):
        raise SettingInvalid("LIVETALLY_TRACES must be an address such as http://127.0.0.1:4318.")
    try:
        provider = _provider(f"{collector.rstrip('/')}/v1/traces")
    except ImportError:
        hint = "pip install 'livetally[otel]'"
        raise SettingInvalid(f"LIVETALLY_TRACES needs further packages: {hint}.") from None
    _set_begin(_beginning(provider))

    def end() -> None:
        _set_begin(None)
        provider.shutdown()

    return end


def _set_begin(begin: _Begin | None) -> None:
    global _begin  # noqa: PLW0603 - one process has one place for its spans, as for its logs
    _begin = begin


def _provider(address: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {"service.name": "livetally", "service.version": version("livetally")}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return provider


def _beginning(provider: TracerProvider) -> _Begin:
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    tracer = provider.get_tracer("livetally")
    propagator = TraceContextTextMapPropagator()

    @contextmanager
    def begin(
        name: str, attributes: Mapping[str, Attribute], carried: Mapping[str, str] | None
    ) -> Iterator[Span]:
        with tracer.start_as_current_span(
            name,
            context=None if carried is None else propagator.extract(carried),
            kind=SpanKind.INTERNAL if carried is None else SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as begun:
            try:
                yield begun
            except Exception as error:
                # Not its message: that may hold what a client sent.
                begun.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    return begin
