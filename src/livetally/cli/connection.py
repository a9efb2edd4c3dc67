"""How a command reaches the server: the options that all of them share.

In the flow: filled from the command line and the environment, hands an open client to a command.
Guarantee: the key is in no message, no help text and no representation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from livetally.client import Client, Reply

__all__ = ["LOCAL", "Connection"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where the server is, and who asks."""

    url: Annotated[str, Parameter(env_var="LIVETALLY_URL")] = "http://127.0.0.1:8080"
    """Address of the server."""

    key: Annotated[str | None, Parameter(env_var="LIVETALLY_KEY")] = field(default=None, repr=False)
    """Key, lt_...; better in the environment, where other users of the machine don't see it."""

    team: Annotated[str | None, Parameter(env_var="LIVETALLY_TEAM")] = None
    """With an operator's key: the team to act for."""

    def open(self, **options: Any) -> Client:
        """Return a client; ``options`` as ``livetally.client.Options``."""
        from livetally.client import Client

        return Client(self.url, self.key, team=self.team, **options)

    @property
    def identity(self) -> str:
        """Whose events go where: the server, the team, and a hash of the key."""
        key = blake2b((self.key or "").encode(), digest_size=16).hexdigest()
        return f"{self.url}\x1f{self.team or ''}\x1f{key}"

    def call(
        self,
        method: str,
        path: str,
        *,
        params: tuple[tuple[str, str], ...] = (),
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Make one call, once.

        Raises:
            LivetallyError: what the server said, or that it can't be reached.
        """
        from livetally.client import Call

        with self.open() as client:
            return client.request(Call(method, path, params, headers or {}, body), again_s=0)


LOCAL = Connection()
"""The default of every command."""
