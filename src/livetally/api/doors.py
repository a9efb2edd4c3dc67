"""Who sent a request to a path of the user's choice: by key, shared secret, signature, or nobody.

In the flow: called by ``inlets`` and ``published_answers`` before anything else is done.
Guarantee: the team is the definition's, or the key's where all teams share the definition; secrets
are compared in constant time, are never logged, and wrong ones count against the address they come
from.

Source: RFC 2104 (HMAC).
"""

from __future__ import annotations

import base64
import hmac
from hashlib import blake2b

from starlette.datastructures import Headers
from starlette.types import Scope as ConnectionScope

from livetally.api.auth import identify, identify_as
from livetally.api.cors import allow_origin
from livetally.api.services import Services
from livetally.definitions import Auth, AuthKind, Published
from livetally.errors import Forbidden, SettingInvalid, Unauthenticated
from livetally.tenancy import DEFAULT_TEAM, Identity, Scope, TeamId

__all__ = ["admitted"]

_BEARER = "bearer "


async def admitted(
    connection: ConnectionScope,
    services: Services,
    published: Published,
    scope: Scope,
    body: bytes,
) -> Identity:
    """Return who sent the request.

    Args:
        connection: the request's ASGI scope.
        services: who knows keys and secrets.
        published: what the request is for.
        scope: what a key must be allowed to do.
        body: as it was received, before it is unpacked: what a signature is made of.

    Raises:
        Unauthenticated: the key, secret or signature is missing or wrong.
        Forbidden: the key is another team's, or lacks the scope.
        QuotaExceeded: too many wrong ones came from this address.
        SettingInvalid: the server was started without the secret.
    """
    auth = published.target.auth
    if auth.kind is AuthKind.KEY:
        who = await _by_key(connection, services, auth, scope)
        return _of_team(who, published)
    if auth.kind is not AuthKind.NONE:
        _require_secret(connection, services, auth, body)
    who = _nameless(published, scope)
    await allow_origin(connection, Headers(scope=connection), services, who)
    return who


async def _by_key(
    connection: ConnectionScope, services: Services, auth: Auth, scope: Scope
) -> Identity:
    if not auth.header:
        return await identify(connection, services, scope)
    text = Headers(scope=connection).get(auth.header, "").strip()
    if text.lower().startswith(_BEARER):
        text = text[len(_BEARER) :].strip()
    if not text:
        raise Unauthenticated(f"A key is needed: send it in the header '{auth.header}'.")
    return await identify_as(connection, services, scope, text)


def _of_team(who: Identity, published: Published) -> Identity:
    """Let a team's own paths be used with its own keys only; operators act for it."""
    if published.team is None or published.team == who.team:
        return who
    if who.operator:
        return who.acting_for(TeamId(published.team), "")
    raise Forbidden("The key belongs to another team than this path.")


def _require_secret(
    connection: ConnectionScope, services: Services, auth: Auth, body: bytes
) -> None:
    secret = services.secret_of(auth.secret)
    if secret is None:
        raise SettingInvalid(
            f"The server was started without the secret of this path: {auth.secret} is not set."
        )
    address = (connection.get("client") or ("",))[0]
    services.failed_keys.require(address)
    given = Headers(scope=connection).get(auth.header)
    if given is None:
        raise Unauthenticated(f"The header '{auth.header}' is missing.")
    wanted, what = secret.reveal(), "secret"
    if auth.kind is AuthKind.HMAC:
        wanted, what = _signature(auth, wanted, body), "signature"
    if not _is_given(auth, given.encode("latin-1", "replace"), wanted.encode()):
        services.failed_keys.note(address)
        raise Unauthenticated(f"The {what} in the header '{auth.header}' is wrong.")


def _is_given(auth: Auth, header: bytes, wanted: bytes) -> bool:
    """Whether a header is the prefix, in any case, and what is wanted."""
    prefix = auth.prefix.encode()
    before, given = header[: len(prefix)], header[len(prefix) :]
    if auth.kind is AuthKind.HMAC and auth.encoding == "hex":
        given = given.lower()
    # The prefix is no secret: only what follows it is compared in constant time.
    return before.lower() == prefix.lower() and hmac.compare_digest(given, wanted)


def _signature(auth: Auth, secret: str, body: bytes) -> str:
    made = hmac.new(secret.encode(), body, auth.algorithm)
    return made.hexdigest() if auth.encoding == "hex" else base64.b64encode(made.digest()).decode()


def _nameless(published: Published, scope: Scope) -> Identity:
    """Return the identity of whoever knows the secret: one for each path, with its own quota."""
    target = published.target
    team = TeamId(DEFAULT_TEAM if published.team is None else published.team)
    name = f"{target.application}.{target.name}"
    mark = blake2b(f"{team}\0{type(target).__name__}\0{name}".encode(), digest_size=16).hexdigest()
    return Identity(
        team=team,
        team_name="",
        key_id=f"path-{mark}",
        key_name=name,
        scopes=frozenset({scope}),
        operator=False,
        expires_us=None,
    )
