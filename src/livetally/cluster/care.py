"""Care for the log: that its servers keep what they acknowledge, and not for ever.

In the flow: asked by ``server`` before anything is accepted, and run beside it under a lease.
Guarantee: a log that would lose what it has acknowledged when its servers lose power together is
refused; nothing goes from the log that is not in the store.
"""

from __future__ import annotations

import asyncio

import httpx2
import msgspec

from livetally.cluster.log import Log
from livetally.cluster.words import Words
from livetally.errors import SettingInvalid
from livetally.sources import client

__all__ = ["check_sync", "drop_loaded"]

_LOOK_S = 600.0
_ASK_S_MAX = 5.0
_TRIES = 4
_AGAIN_S = 1.0


class _Config(msgspec.Struct):
    sync_always: bool = False


class _JetStream(msgspec.Struct):
    config: _Config | None = None


class _Server(msgspec.Struct):
    """What a server says of itself; without JetStream it keeps nothing."""

    jetstream: _JetStream | None = None


async def check_sync(monitors: str, replicas: int) -> None:
    """Ask the log's servers whether they sync before they acknowledge.

    By default they do so every two minutes only: what a majority has acknowledged meanwhile is gone
    when they lose power together (Jepsen's report on NATS 2.12.1, 2025). A majority has to answer,
    so that a process can start while one of them is away; who answers has to sync.

    Args:
        monitors: their monitoring addresses, separated by commas.
        replicas: how many of them have each message.

    Raises:
        SettingInvalid: one does not, or too few could be asked.
    """
    addresses = [part.strip().rstrip("/") for part in monitors.split(",") if part.strip()]
    if len(addresses) < replicas:
        raise SettingInvalid(
            "Whether the log syncs before it acknowledges can't be seen from its clients: name the"
            f" monitoring addresses of at least {replicas} servers in LIVETALLY_LOG_MONITORS, or"
            " say LIVETALLY_LOG_SYNC=trust when you have set sync_interval: always yourself."
        )
    needed, good = replicas // 2 + 1, 0
    async with client(allow_private=True, version="") as http:
        for number in range(_TRIES):
            await asyncio.sleep(_AGAIN_S * bool(number))
            good = sum(await asyncio.gather(*(_syncs(http, one) for one in addresses)))
            if good >= needed:
                return
    raise SettingInvalid(
        f"Only {good} of the log's servers could be asked whether they sync before they"
        f" acknowledge; with LIVETALLY_LOG_REPLICAS={replicas} at least {needed} have to answer."
    )


async def _syncs(http: httpx2.AsyncClient, address: str) -> bool:
    """Tell whether a server does; False when it does not answer, or keeps no messages."""
    try:
        said = await http.get(f"{address}/varz", timeout=_ASK_S_MAX)
        server = msgspec.json.decode(said.content, type=_Server)
    except (httpx2.HTTPError, msgspec.MsgspecError, ValueError):
        return False
    if server.jetstream is None or server.jetstream.config is None:
        return False
    if not server.jetstream.config.sync_always:
        raise SettingInvalid(
            f"The log's server at {address} acknowledges before it syncs: set 'sync_interval:"
            " always' in its jetstream block, or say LIVETALLY_LOG_SYNC=trust and take the risk."
        )
    return True


async def drop_loaded(log: Log, words: Words, keep_h: int) -> None:
    """Let go what the log has kept long enough after it was in the store, until cancelled."""
    loop = asyncio.get_running_loop()
    keep_s = keep_h * 3600.0
    seen: list[tuple[float, int]] = []
    while True:
        now_s = loop.time()
        seen.append((now_s, words.position))
        old = [position for at_s, position in seen if now_s - at_s >= keep_s]
        if old:
            await log.drop(old[-1])
            seen = [one for one in seen if now_s - one[0] < keep_s]
        await asyncio.sleep(_LOOK_S)
