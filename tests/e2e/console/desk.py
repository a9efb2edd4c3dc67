"""A service desk in a real server: definitions, a day of events, and a browser signed in to it.

In the flow: started once for a module by the tests of the console's pages, and by ``pictures``.
Guarantee: the same events each time, placed before a fixed moment, so that pictures don't change.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from playwright.sync_api import Page

from livetally.clock import US_PER_S
from livetally.testing import Server
from tests.e2e.console.fake_server import NOW_US
from tests.tidy.source_tree import ROOT

__all__ = ["DESK", "Desk", "desk_of", "running_desk"]

DESK = ROOT / "tests/e2e/console/desk.toml"
ORDERS = 180
_NOW = datetime.fromtimestamp(NOW_US / US_PER_S, UTC)
_TROUBLES = (
    ("Card reader at gate 4 does not answer", "high", "payments"),
    ("Label printer is out of paper", "low", "warehouse"),
    ("Search shows yesterday's prices", "high", "shop"),
    ("Badge of a visitor does not open the door", "low", "site"),
    ("Scanner 12 loses its connection", "low", "warehouse"),
    ("Invoices are sent twice", "high", "payments"),
    ("Map does not load on old phones", "low", "shop"),
    ("Conveyor 2 stops every few minutes", "high", "warehouse"),
)


class Desk:
    """A real server with the service desk's definitions."""

    def __init__(self, server: Server) -> None:
        """Talk to ``server`` with its operator's key."""
        self.server = server
        self.url = server.url
        self._http = httpx2.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {server.key}"},
            trust_env=False,
            timeout=30,
        )

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Make a request; return its answer, which must not be a refusal."""
        reply = self._http.request(method, path, json=body, **more)
        assert reply.is_success, f"{method} {path}: {reply.text}"
        return reply.json() if reply.content else None

    def send(self, *events: dict[str, Any]) -> int:
        """Send events; return the position at which they are counted."""
        reply = self.ask("POST", "/v1/events", list(events))
        assert reply["rejected"] == []
        return int(reply["position"])

    def fill(self) -> None:
        """Send a day of incidents and orders."""
        self.send(*_incidents(), *_orders())

    def sign_in(self, page: Page) -> None:
        """Follow a one-time link."""
        page.goto(self.url + self.ask("POST", "/v1/session/link")["url"])

    def apply(self, application: str, toml: str) -> None:
        """Apply a definition."""
        headers = {"Content-Type": "application/toml"}
        self.ask("PUT", f"/v1/definitions/{application}", content=toml.encode(), headers=headers)

    def key(self, *scopes: str) -> str:
        """Make a key of the default team."""
        return str(self.ask("POST", "/v1/keys", {"name": "made", "scopes": list(scopes)})["key"])


@contextmanager
def running_desk(port: int = 0, **settings: str) -> Iterator[Desk]:
    """Start the server, without an event."""
    with desk_of(port, **settings) as desk:
        desk.apply("desk", DESK.read_text())
        yield desk


@contextmanager
def desk_of(port: int = 0, **settings: str) -> Iterator[Desk]:
    """Start a server that knows nothing yet, with ``settings`` by their names in the environment.

    Names come without ``LIVETALLY_``.
    """
    env = {f"LIVETALLY_{name}": value for name, value in settings.items()}
    with Server(port=port, env=env) as server:
        desk = Desk(server)
        yield desk
        desk.close()


def _incidents() -> Iterator[dict[str, Any]]:
    for number, (text, severity, team) in enumerate(_TROUBLES):
        subject = f"INC-{101 + number}"
        yield {
            "id": f"opened-{number}",
            "type": "incident.opened",
            "source": "hotline",
            "subject": subject,
            "time": _before(minutes=1300 - 157 * number),
            "data": {"text": text, "severity": severity, "team": team},
        }
        if number % 3 == 1:
            yield {
                "id": f"completed-{number}",
                "type": "incident.completed",
                "source": "desk",
                "subject": subject,
                "time": _before(minutes=1240 - 157 * number),
                "data": {"status": "done", "by": "ada"},
            }


def _orders() -> Iterator[dict[str, Any]]:
    dice = random.Random(11)
    for number in range(ORDERS):
        items = dice.randint(1, 5)
        yield {
            "id": f"order-{number}",
            "type": "order.placed",
            "source": "shop",
            "subject": f"customer-{dice.randint(1, 40):02}",
            "time": _before(minutes=8 * (ORDERS - number), seconds=dice.randint(0, 300)),
            "data": {
                "total": round(items * dice.uniform(4, 60), 2),
                "channel": dice.choice(["web", "web", "web", "app", "app", "phone"]),
                "items": items,
            },
        }


def _before(**ago: int) -> str:
    return (_NOW - timedelta(**ago)).isoformat()
