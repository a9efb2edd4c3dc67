"""Published answers: a path of the user's choice that answers as an existing client expects.

In the flow: receives a request from ``published``, asks ``query`` as the routes of metrics and
entities do, and writes the answer in the definition's own shape.
Guarantee: the same numbers, bounds and quota as under ``/v1``; another shape.
"""

from __future__ import annotations

from hashlib import blake2b
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from livetally.api.accept import is_known
from livetally.api.answers import encode_value, written
from livetally.api.body import pieces, read_whole
from livetally.api.described import described_entity
from livetally.api.doors import admitted
from livetally.api.entities import entity_page, entity_state
from livetally.api.inlets import read_body, read_payload
from livetally.api.quota import charge
from livetally.api.services import Services
from livetally.api.tables import JSON
from livetally.definitions import Answer, Published, QuestionTemplate
from livetally.errors import BadInput, UnknownName
from livetally.mapping import Cast, Evaluator, cast, decode_payload
from livetally.query import parse_query
from livetally.query.entities import parse_entities
from livetally.tenancy import Identity
from livetally.tenancy import Scope as KeyScope

__all__ = ["answer_published"]

_BODY_BYTES_MAX = 64 * 1024


async def answer_published(
    scope: Scope,
    receive: Receive,
    send: Send,
    services: Services,
    published: Published,
    params: dict[str, str],
) -> None:
    """Answer a client's question.

    Raises:
        LivetallyError: answered by the caller as problem details.
    """
    answer = published.target
    assert isinstance(answer, Answer)
    sent = await read_whole(pieces(receive), _BODY_BYTES_MAX)
    who = await admitted(scope, services, published, KeyScope.READ, sent)
    headers = Headers(scope=scope)
    body = await read_body(sent, headers, _BODY_BYTES_MAX)
    payload = read_payload(body, headers.get("content-type", ""))
    query = dict(QueryParams(scope["query_string"]))
    asked = _Asked(answer, {"param": params, "query": query, "body": payload}, dict(headers))
    known = headers.get("if-none-match", "")
    await services.writer.reached(0)
    if answer.metric:
        response = await _metric(asked, services, who, known)
    else:
        response = await _entity(asked, services, who, known)
    await response(scope, receive, send)


class _Asked:
    """One request, and what the templates of its answer are filled with."""

    def __init__(self, answer: Answer, values: dict[str, Any], headers: dict[str, str]) -> None:
        self.answer = answer
        self._values = values
        self._headers = headers

    def parameters(self) -> dict[str, list[str]]:
        """Return the question's parameters as a query string would give them."""
        filled = {
            name: self._texts(name, template) for name, template in self.answer.parameters.items()
        }
        return {name: texts for name, texts in filled.items() if texts}

    def key(self) -> str:
        """Return the key of the entity that is asked for, "" for a list."""
        return "".join(self._texts("key", self.answer.key)) if self.answer.key else ""

    def response(self, known: str, written_answer: bytes, left: dict[str, str]) -> Response:
        """Write the answer in the definition's shape, or say that the client has it already."""
        body = written_answer
        if self.answer.body is not None:
            values = {**self._values, "answer": decode_payload(written_answer)}
            body = encode_value(self._fill("body", self.answer.body, values))
        tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
        headers = {"Cache-Control": "private, no-cache", "ETag": tag, **left}
        if is_known(tag, known):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type=JSON)

    def _texts(self, name: str, template: QuestionTemplate) -> list[str]:
        value = self._fill(name, template, self._values)
        listed = value if isinstance(value, list) else [value]
        try:
            texts = [cast(Cast.STRING, one) for one in listed]
        except ValueError as error:
            raise BadInput(name, str(error)) from None
        return [text for text in texts if text]

    def _fill(self, name: str, template: QuestionTemplate, values: dict[str, Any]) -> Any:
        params, query = values["param"], values["query"]
        evaluator = Evaluator(values, params, self._headers, query, self.answer.lookups)
        try:
            return template.fill(values, evaluator)
        except ValueError as error:
            raise BadInput(name, str(error)) from None


async def _metric(asked: _Asked, services: Services, who: Identity, known: str) -> Response:
    query = parse_query(asked.answer.metric, asked.parameters())
    declared = services.definitions.declared(who.team)
    free = bool(known) or services.runner.kept(query, declared, who.team) is not None
    left = {} if free else await charge(services, who)
    answer = await services.runner.answer(query, declared, who.team)
    response = asked.response(known, written(answer, JSON)[1], left)
    if known and response.status_code == HTTPStatus.OK:
        # Asked whether the answer has changed: only a changed one is charged.
        response.headers.update(await charge(services, who))
    return response


async def _entity(asked: _Asked, services: Services, who: Identity, known: str) -> Response:
    name = asked.answer.entity
    if asked.answer.key is None:
        query = parse_entities(name, asked.parameters())
        left = await charge(services, who)
        page = await entity_page(services, who, query)
        return asked.response(known, encode_value(page), left)
    key = asked.key()
    left = await charge(services, who)
    position = services.writer.position
    state = await entity_state(services, who, name, key) if key else None
    if state is None:
        raise UnknownName("key", name, key[:200])
    return asked.response(
        known, encode_value({"position": position, **described_entity(state)}), left
    )
