"""``POST /v1/events``: the way in.

In the flow: receives a request, hands its items to ``ingest``, answers when their fate is on disk.
Guarantee: a 2xx means durable and counted; every item is accounted for.

A plain ASGI function instead of a framework's endpoint: at thousands of requests a second the
difference is a fifth of the processor.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope, Send

from livetally.api.auth import identify
from livetally.api.body import pieces, read_whole, unpacked
from livetally.api.headers import headers_of
from livetally.api.problem import PROBLEM_TYPE
from livetally.api.services import Services
from livetally.errors import BadInput, UnsupportedMedia
from livetally.event import (
    Decoded,
    Rejection,
    decode_binary,
    decode_json,
    decode_lines,
    decode_structured,
)
from livetally.ingest import Accepted
from livetally.tenancy import Identity
from livetally.tenancy import Scope as KeyScope

__all__ = ["answer_of", "post_events", "send_accepted", "send_noted"]

_NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
# Decoding more than this takes milliseconds: not on the thread that serves everybody.
_INLINE_BYTES_MAX = 256 * 1024
_NOT_STORABLE: dict[str, object] = {
    "type": "about:blank",
    "title": "Not storable",
    "status": 422,
    "detail": "Not one event could be stored; 'rejected' says why, item by item.",
}
_TAKEN = f"application/json, application/x-ndjson, {_STRUCTURED} or {_BATCH}"


async def post_events(scope: Scope, receive: Receive, send: Send, services: Services) -> None:
    """Take events.

    Raises:
        LivetallyError: answered by the caller as problem details.
    """
    who = await identify(scope, services, KeyScope.WRITE)
    services.ingest_rate.require(who.key_id)
    headers = headers_of(scope)
    strict = _strict(scope["query_string"])
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    as_lines = kind in _NDJSON and not strict and not _is_binary(scope)
    encoding = headers.get("content-encoding", "")
    body = unpacked(pieces(receive), encoding, any_ratio=as_lines)
    if as_lines:
        accepted = await services.intake.accept_lines(who.team, body)
    else:
        whole = await read_whole(body, services.intake.limits.body_bytes_max)
        if len(whole) > _INLINE_BYTES_MAX:
            decoded = await asyncio.to_thread(_decode, kind, whole, scope)
        else:
            decoded = _decode(kind, whole, scope)
        accepted = await services.intake.accept(who.team, decoded, len(whole), strict=strict)
    await send_noted(send, services, who, accepted)


async def send_noted(send: Send, services: Services, who: Identity, accepted: Accepted) -> None:
    """Count what a key has sent against its rate, and answer with what became of it."""
    taken = accepted.stored + accepted.duplicates + accepted.rejected_total
    services.ingest_rate.note(who.key_id, taken)
    await send_accepted(send, accepted)


def _decode(kind: str, body: bytes, scope: Scope) -> Decoded:
    if kind in (_STRUCTURED, _BATCH):
        return Decoded(*decode_structured(body, batch=kind == _BATCH))
    if _is_binary(scope):
        if kind and kind != "application/json":
            raise UnsupportedMedia("The data of a CloudEvent must be application/json.")
        event = decode_binary(scope["headers"], body)
        if isinstance(event, Rejection):
            return Decoded([], [], [event])
        return Decoded([event], [0], [])
    if kind in _NDJSON:
        return decode_lines(body)
    if kind != "application/json":
        raise UnsupportedMedia(f"Content-Type '{kind[:60]}' is not taken; send {_TAKEN}.")
    return decode_json(body)


def _is_binary(scope: Scope) -> bool:
    """Tell whether the headers make the body the data of one CloudEvent."""
    return any(name == b"ce-specversion" for name, _ in scope["headers"])


def _strict(query: bytes) -> bool:
    if not query:
        return False
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    for name in values:
        if name != "strict":
            raise BadInput(name[:60], "no such parameter; there is 'strict'")
    if values["strict"][-1] not in ("true", "false"):
        raise BadInput("strict", "must be true or false")
    return values["strict"][-1] == "true"


async def send_accepted(send: Send, accepted: Accepted) -> None:
    """Answer with what became of each item."""
    status, headers, body = answer_of(accepted)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def answer_of(accepted: Accepted) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return the status, the headers and the body that tell what became of each item."""
    body: dict[str, object] = {
        "position": accepted.position,
        "stored": accepted.stored,
        "duplicates": accepted.duplicates,
        "rejected": [rejection._asdict() for rejection in accepted.rejected],
    }
    if accepted.conflicts:
        body["conflicts"] = [
            {"index": index, "error": "conflict: this id was stored with other content"}
            for index in accepted.conflicts
        ]
    if accepted.rejected_total > len(accepted.rejected):
        body["rejected_total"] = accepted.rejected_total
    if accepted.conflicts_total > len(accepted.conflicts):
        body["conflicts_total"] = accepted.conflicts_total
    status, media = 200, b"application/json"
    if accepted.rejected and not accepted.storable:
        status, media = 422, PROBLEM_TYPE.encode()
        body = _NOT_STORABLE | body
    encoded = msgspec.json.encode(body)
    length = str(len(encoded)).encode()
    return status, [(b"content-type", media), (b"content-length", length)], encoded
