"""Inlets: a path of the user's choice that takes an existing client's own JSON.

In the flow: receives a request from ``published``, maps its body, hands the events to ``ingest``
like ``POST /v1/events`` does, and answers as the definition says.
Guarantee: a 2xx means durable and counted; every record is accounted for: stored, known, left out
by ``where``, or rejected with its number, field and reason. What is stored is never answered as a
failure: the client would send it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from livetally.api.answers import encode_value
from livetally.api.body import pieces, read_whole, unpacked
from livetally.api.doors import admitted
from livetally.api.events import send_accepted
from livetally.api.services import Services
from livetally.api.tables import JSON
from livetally.definitions import Inlet, Published, Reply
from livetally.errors import UnreadableBody
from livetally.event import Decoded, Rejection, decode_lines, new_ids
from livetally.ingest import Accepted
from livetally.mapping import (
    Context,
    Evaluator,
    Fault,
    Mapped,
    decode_payload,
    decode_payload_lines,
    encode_items,
)
from livetally.tenancy import Scope as KeyScope

__all__ = ["read_body", "read_payload", "take"]

_log = structlog.get_logger("livetally.api")

_FORM = "application/x-www-form-urlencoded"
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_FORM_FIELDS_MAX = 1_000
# Mapping more than this takes milliseconds: not on the thread that serves everybody.
_INLINE_BYTES_MAX = 32 * 1024


async def take(
    scope: Scope,
    receive: Receive,
    send: Send,
    services: Services,
    published: Published,
    params: dict[str, str],
) -> None:
    """Take a client's payload.

    Raises:
        LivetallyError: answered by the caller as problem details.
    """
    inlet = published.target
    assert isinstance(inlet, Inlet)
    bytes_max = services.intake.limits.body_bytes_max
    sent = await read_whole(pieces(receive), bytes_max)
    who = await admitted(scope, services, published, KeyScope.WRITE, sent)
    services.ingest_rate.require(who.key_id)
    headers = Headers(scope=scope)
    body = await read_body(sent, headers, bytes_max)
    context = Context(params, dict(headers), dict(QueryParams(scope["query_string"])))
    now_us = services.clock.now_us()
    if len(body) > _INLINE_BYTES_MAX:
        payload, mapped = await asyncio.to_thread(_mapped, inlet, body, headers, context, now_us)
    else:
        payload, mapped = _mapped(inlet, body, headers, context, now_us)
    accepted = await services.intake.accept(who.team, _decoded(mapped), len(body), strict=False)
    services.ingest_rate.note(who.key_id, len(mapped.items))
    if accepted.rejected_total or inlet.reply is None:
        await send_accepted(send, accepted)
    else:
        await _reply(send, inlet, inlet.reply, payload, mapped, accepted, context)


async def read_body(sent: bytes, headers: Headers, bytes_max: int) -> bytes:
    """Undo the Content-Encoding of a body that was read whole.

    Raises:
        BodyTooLarge: it is longer than ``bytes_max`` when unpacked.
    """
    encoding = headers.get("content-encoding", "")
    if not encoding:
        return sent

    async def whole() -> AsyncIterator[bytes]:
        yield sent

    return await read_whole(unpacked(whole(), encoding), bytes_max)


def read_payload(body: bytes, content_type: str) -> Any:
    """Decode a body: JSON unless it says to be a form or lines of JSON; nothing is ``{}``.

    Raises:
        UnreadableBody: it is none.
    """
    kind = _kind(content_type)
    if not body.strip():
        return {}
    if kind == _FORM:
        try:
            fields = parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=_FORM_FIELDS_MAX
            )
        except ValueError:
            raise UnreadableBody("The body is no form in UTF-8 of up to 1000 fields.") from None
        return dict(fields)
    if kind in _LINES:
        lines = decode_payload_lines(body)
        for index, reason in lines.broken:
            raise UnreadableBody(f"The body is not lines of JSON: record {index}: {reason}.")
        return lines.values
    return decode_payload(body)


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _mapped(
    inlet: Inlet, body: bytes, headers: Headers, context: Context, now_us: int
) -> tuple[Any, Mapped]:
    content_type = headers.get("content-type", "")
    # Where each line is a record, a broken one is a bad record and costs no other.
    if _kind(content_type) in _LINES and inlet.mapping.each.path == () and body.strip():
        payload, mapped = _mapped_lines(inlet, body, context)
    else:
        payload = read_payload(body, content_type)
        mapped = inlet.mapping.events(payload, context)
    lacking = [item for item in mapped.items if "id" not in item]
    # Made here and not by ingest, so that the reply can name them.
    for item, made in zip(lacking, new_ids(now_us, len(lacking)), strict=True):
        item["id"] = made
    return payload, mapped


def _mapped_lines(inlet: Inlet, body: bytes, context: Context) -> tuple[Any, Mapped]:
    lines = decode_payload_lines(body)
    mapped = inlet.mapping.events(lines.values, context)
    faults = [Fault(index, "", reason) for index, reason in lines.broken]
    faults += [one._replace(index=lines.indexes[one.index]) for one in mapped.faults]
    indexes = [lines.indexes[index] for index in mapped.indexes]
    return lines.values, mapped._replace(indexes=indexes, faults=sorted(faults))


def _decoded(mapped: Mapped) -> Decoded:
    """Check the items as those of ``POST /v1/events`` are, under the numbers of their records."""
    found = decode_lines(encode_items(mapped.items))
    numbers = mapped.indexes
    rejected = [Rejection(*fault) for fault in mapped.faults]
    rejected += [one._replace(index=numbers[one.index]) for one in found.rejected]
    return Decoded(found.events, [numbers[index] for index in found.indexes], rejected)


async def _reply(
    send: Send,
    inlet: Inlet,
    reply: Reply,
    payload: Any,
    mapped: Mapped,
    accepted: Accepted,
    context: Context,
) -> None:
    headers: list[tuple[bytes, bytes]] = []
    encoded = b""
    if reply.body is not None:
        values = {
            "param": context.params,
            "query": context.query,
            "body": payload,
            "events": mapped.items,
            "accepted": {
                "position": accepted.position,
                "stored": accepted.stored,
                "duplicates": accepted.duplicates,
            },
        }
        evaluator = Evaluator(values, *context[:3], inlet.mapping.lookups)
        try:
            encoded = encode_value(reply.body.fill(values, evaluator))
        except ValueError as error:
            # Stored is stored: a refusal would make the client send, and count, it again.
            _log.warning("reply not filled", inlet=inlet.name, error=str(error))
            await send_accepted(send, accepted)
            return
        headers.append((b"content-type", JSON.encode()))
    headers.append((b"content-length", str(len(encoded)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": encoded})
