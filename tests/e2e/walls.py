"""Every route in one table: who may use it. And two teams that must not know of each other.

In the flow: read by ``test_walls`` and ``test_security_input``, which send requests to a real
server.
Guarantee: a route of ``build_app`` without a row here fails the tests.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import httpx2
from starlette.routing import Route

from livetally.api import Services, build_app
from livetally.clock import SystemClock
from livetally.console import routes as console_routes
from livetally.testing import Server
from tests.tidy.source_tree import ROOT
from tests.waiting import until

__all__ = ["ROUTES", "SCOPES", "SHOP", "Row", "Teams", "real_routes", "talk"]

SHOP = ROOT / "tests" / "e2e" / "shop_definition.toml"
SCOPES = ("read", "write", "admin")

_TOML = 'application = "extra"\n[metric.extra]\nevent = "extra"\naggregate = "count"\n'


class Row(NamedTuple):
    """A route: the scope it needs (None: any; "open": no key), and one request that is right."""

    method: str
    route: str
    scope: str | None
    path: str
    body: Any = None
    operator: bool = False
    live: bool = False
    content: tuple[str, str] | None = None

    def send(self, client: httpx2.Client, **more: Any) -> httpx2.Response:
        """Make the request."""
        headers = dict(more.pop("headers", {}))
        if self.content is not None:
            headers["Content-Type"], more["content"] = self.content
        elif self.body is not None:
            more["json"] = self.body
        request = client.build_request(self.method, self.path, headers=headers, **more)
        reply = client.send(request, stream=True)
        if reply.headers.get("content-type", "").startswith("text/event-stream"):
            reply.close()  # an open stream does not end by itself
        else:
            reply.read()
            reply.close()
        return reply


_EVENT = {"type": "add_revenue", "subject": "ada", "data": {"value": 1}}
_SOON_US = 1_500_000
_STRANGE_KEY = "0000000000"

ROUTES = (
    Row("POST", "/v1/events", "write", "/v1/events", _EVENT),
    Row("GET", "/v1/events", "read", "/v1/events"),
    Row("GET", "/v1/entities/{entity}", "read", "/v1/entities/user"),
    Row("GET", "/v1/entities/{entity}/{key}", "read", "/v1/entities/user/ada"),
    Row("GET", "/v1/entities/{entity}/{key}/events", "read", "/v1/entities/user/ada/events"),
    Row(
        "POST",
        "/v1/entities/{entity}/{key}/actions/{action}",
        "write",
        "/v1/entities/user/ada/actions/refund",
        {"value": 1},
    ),
    Row("GET", "/v1/metrics", "read", "/v1/metrics"),
    Row("GET", "/v1/metrics/{name}", "read", "/v1/metrics/revenue?by=subject"),
    Row("GET", "/v1/live", "read", "/v1/live?q=metrics/revenue", live=True),
    Row("POST", "/v1/verify", "admin", "/v1/verify?metric=revenue"),
    Row("GET", "/v1/sinks", "admin", "/v1/sinks"),
    Row("POST", "/v1/sinks/{name}/rebuild", "admin", "/v1/sinks/none/rebuild"),
    Row("GET", "/v1/definitions", "read", "/v1/definitions"),
    Row("GET", "/v1/definitions/{application}", "read", "/v1/definitions/shop"),
    Row(
        "PUT",
        "/v1/definitions/{application}",
        "admin",
        "/v1/definitions/extra",
        content=("application/toml", _TOML),
    ),
    Row("DELETE", "/v1/definitions/{application}", "admin", "/v1/definitions/none"),
    Row("GET", "/v1/alerts", "read", "/v1/alerts"),
    Row("GET", "/v1/alerts/{name}", "read", "/v1/alerts/none"),
    Row("GET", "/v1/alerts/{name}/changes", "read", "/v1/alerts/none/changes"),
    Row("GET", "/v1/sources", "read", "/v1/sources"),
    Row("GET", "/v1/sources/{name}", "read", "/v1/sources/none"),
    Row("PATCH", "/v1/sources/{name}", "admin", "/v1/sources/none", {"schedule": None}),
    Row("POST", "/v1/sources/{name}/{action}", "admin", "/v1/sources/none/stop"),
    Row(
        "GET",
        "/v1/definitions/{application}/versions",
        "admin",
        "/v1/definitions/shop/versions",
    ),
    Row(
        "GET",
        "/v1/definitions/{application}/versions/{version}",
        "admin",
        "/v1/definitions/shop/versions/1",
    ),
    Row("DELETE", "/v1/events", "admin", "/v1/events?subject=nobody"),
    Row("GET", "/v1/erasures", "admin", "/v1/erasures"),
    Row("GET", "/v1/backups", "admin", "/v1/backups", operator=True),
    Row("POST", "/v1/backups", "admin", "/v1/backups", {}, operator=True),
    Row("GET", "/v1/explore", "read", "/v1/explore?event=add_revenue"),
    Row("GET", "/v1/teams", "admin", "/v1/teams"),
    Row("POST", "/v1/teams", "admin", "/v1/teams", {"name": "green"}, operator=True),
    Row("PATCH", "/v1/teams/{name}", "admin", "/v1/teams/red", {}, operator=True),
    Row("GET", "/v1/keys", "admin", "/v1/keys"),
    Row("POST", "/v1/keys", "admin", "/v1/keys", {"name": "made", "scopes": ["read"]}),
    Row("DELETE", "/v1/keys/{id}", "admin", f"/v1/keys/{_STRANGE_KEY}"),
    Row("POST", "/v1/keys/{id}/rotate", "admin", f"/v1/keys/{_STRANGE_KEY}/rotate"),
    Row("GET", "/v1/session", None, "/v1/session"),
    Row("POST", "/v1/session", "open", "/v1/session", {"key": "lt_nobody"}),
    Row("DELETE", "/v1/session", None, "/v1/session"),
    Row("POST", "/v1/stream-tokens", "read", "/v1/stream-tokens"),
    Row("GET", "/v1/quota", "read", "/v1/quota"),
    Row("GET", "/v1/audit", "admin", "/v1/audit"),
    Row("POST", "/v1/session/link", "read", "/v1/session/link"),
    Row("GET", "/signin", "open", "/signin?token=ll_nobody"),
    Row("GET", "/openapi.json", "open", "/openapi.json"),
    Row("GET", "/docs", "open", "/docs"),
    Row("GET", "/healthz", "open", "/healthz"),
    Row("GET", "/readyz", "open", "/readyz"),
    Row("GET", "/metrics", "read", "/metrics", operator=True),
    Row("GET", "/", "open", "/"),
    Row("GET", "/assets/{path:path}", "open", "/assets/none.js"),
)


def real_routes() -> set[tuple[str, str]]:
    """Return method and path of every route that the server has."""
    app = build_app(cast("Services", None), console_routes())
    found = set()
    for route in app.routes:
        assert isinstance(route, Route), f"{route} is not a route that this test understands"
        assert route.methods, f"{route.path} takes every method"
        found |= {(method, route.path) for method in route.methods - {"HEAD"}}
    return found


def talk(server: Server, key: str | None = None, **headers: str) -> httpx2.Client:
    """Return a client that sends ``key``, and neither follows redirects nor keeps cookies."""
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return httpx2.Client(base_url=server.url, headers=headers, trust_env=False, timeout=30)


class Teams:
    """The teams ``red`` and ``blue``: a key of each single scope, and one of all scopes."""

    def __init__(self, server: Server) -> None:
        """Make them."""
        self.keys: dict[str, dict[str, str]] = {"red": {}, "blue": {}}
        self.ids: dict[str, list[str]] = {"red": [], "blue": []}
        with talk(server, server.key) as operator:
            for team, keys in self.keys.items():
                assert operator.post("/v1/teams", json={"name": team}).status_code == 201
                for name in (*SCOPES, "all"):
                    scopes = list(SCOPES) if name == "all" else [name]
                    body = {"team": team, "name": f"{team}-{name}", "scopes": scopes}
                    made = operator.post("/v1/keys", json=body).json()
                    keys[name] = made["key"]
                    self.ids[team].append(made["id"])
                # What is asked here must not be refused for its number.
                change = operator.patch(f"/v1/teams/{team}", json={"queries_per_hour": 100_000})
                assert change.status_code == 200, change.text
        self.ended = self._ended(server)
        """A key of red that was revoked, and one that has expired; of all scopes."""

    def _ended(self, server: Server) -> dict[str, str]:
        body: dict[str, Any] = {"name": "ended", "scopes": list(SCOPES)}
        with talk(server, self.keys["red"]["all"]) as client:
            revoked = client.post("/v1/keys", json=body).json()
            client.delete(f"/v1/keys/{revoked['id']}")
            soon = SystemClock().now_us() + _SOON_US
            expired = client.post("/v1/keys", json=body | {"expires_us": soon}).json()
        with talk(server, expired["key"]) as client:
            until(lambda: client.get("/v1/session").status_code == 401, "the key to expire")
        return {"revoked": revoked["key"], "expired": expired["key"]}
