"""Messages of NATS and MQTT become events: each one once, whoever is killed meanwhile.

In the flow: a real server, a real NATS server with streams, a real MQTT broker.
Guarantee: what was sent is counted, and counted once, also when it was given twice.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import nats
import pytest
from paho.mqtt import publish

from livetally.testing import Server
from tests.brokers import Broker
from tests.waiting import until

pytest_plugins = ("tests.broker_fixtures",)

_DEFINITION = """
application = "plant"

[event.reading]
data.sensor = { type = "string", required = true }
data.value = { type = "decimal", required = true }
data.place = "string"

[metric.readings]
event = "reading"
aggregate = "count"
by = ["sensor", "place"]

[metric.sums]
event = "reading"
aggregate = "sum"
value = "value"

[source.readings]
URL
map.type = "'reading'"
map.data.sensor = { from = "sensor", required = true }
map.data.value = { from = "value", as = "decimal", required = true }
"""
_STREAM = """
url = "nats://127.0.0.1:{port}"
subject = "{name}.>"
stream = "{name}"
map.data.place = "split(param('subject'), '.')[1]"
"""
_SUBJECT = """
url = "nats://127.0.0.1:{port}"
subject = "{name}.*"
map.id = "n"
"""
_TOPIC = """
url = "mqtt://127.0.0.1:{port}"
topic = "{name}/+"
map.id = "n"
map.data.place = "split(param('topic'), '/')[1]"
"""

_http = httpx2.Client(trust_env=False)

Begin = Callable[[str, Broker, str], Server]


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    """Close the connections of this module at its end."""
    yield
    _http.close()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Return what starts a server that takes the messages of a broker, under a name."""
    opened: list[Server] = []

    def start(url: str, broker: Broker, name: str) -> Server:
        file = tmp_path / "plant.toml"
        file.write_text(_DEFINITION.replace("URL", url.format(port=broker.port, name=name)))
        env = {"LIVETALLY_SOURCES_ALLOW_PRIVATE": "true", "LIVETALLY_QUERIES_PER_HOUR": "1000000"}
        opened.append(Server(definitions=[file], env=env))
        return opened[-1].__enter__()

    yield start
    for one in opened:
        one.__exit__(None, None, None)


def message(n: int) -> bytes:
    """Return a message."""
    return json.dumps({"n": f"n{n}", "sensor": f"s{n % 3}", "value": n}).encode()


def asked(server: Server, path: str) -> dict[str, Any]:
    """Return an answer."""
    headers = {"Authorization": f"Bearer {server.key}"}
    reply = _http.get(f"{server.url}{path}", headers=headers)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def counted(server: Server, metric: str = "readings") -> Any:
    """Return a metric's total."""
    return sum(row["value"] or 0 for row in asked(server, f"/v1/metrics/{metric}")["rows"])


def by_place(server: Server) -> dict[str, Any]:
    """Return the number of readings of each place."""
    rows = asked(server, "/v1/metrics/readings?by=place")["rows"]
    return {row["place"]: row["value"] for row in rows}


def source(server: Server) -> dict[str, Any]:
    """Return the source as the server shows it."""
    return asked(server, "/v1/sources/readings")


def told(server: Server, action: str) -> httpx2.Response:
    """Say something to the source."""
    headers = {"Authorization": f"Bearer {server.key}"}
    return _http.post(f"{server.url}/v1/sources/readings/{action}", headers=headers)


def to_stream(broker: Broker, name: str, numbers: range, *more: bytes) -> None:
    """Publish to a stream, which is made when it is not there."""

    async def run() -> None:
        connection = await nats.connect(f"nats://127.0.0.1:{broker.port}")
        streams = connection.jetstream()
        await streams.add_stream(name=name, subjects=[f"{name}.>"])
        for n in numbers:
            await streams.publish(f"{name}.hall{n % 2}", message(n))
        for body in more:
            await streams.publish(f"{name}.hall0", body)
        await connection.close()

    asyncio.run(run())


def waits(broker: Broker, name: str) -> int:
    """Return how many messages of a stream are not acknowledged yet."""

    async def run() -> int:
        connection = await nats.connect(f"nats://127.0.0.1:{broker.port}")
        (consumer,) = await connection.jetstream().consumers_info(name)
        await connection.close()
        return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)

    return asyncio.run(run())


def test_a_stream_is_taken_from_its_beginning(nats_server: Broker, begin: Begin) -> None:
    """What was there before and what comes; what gives no event is named, and costs no other."""
    to_stream(nats_server, "whole", range(100), b"no json", b'{"sensor": "s9"}')
    server = begin(_STREAM, nats_server, "whole")
    until(lambda: counted(server) == 100, "what was there", 30)
    to_stream(nats_server, "whole", range(100, 120))
    until(lambda: counted(server) == 120, "what came", 30)
    assert counted(server, "sums") == sum(range(120))
    assert by_place(server) == {"hall0": 60, "hall1": 60}
    until(lambda: waits(nats_server, "whole") == 0, "everything to be acknowledged", 30)
    until(lambda: source(server)["stored"] == 120, "the counts to be written down", 30)
    state = source(server)
    assert (state["rejected"], state["duplicates"], state["schedule"]) == (2, 0, "as messages come")
    assert "a message of subject whole.hall0: The body is not JSON" in state["last_error"]


def test_a_server_is_killed_while_messages_come(nats_server: Broker, begin: Begin) -> None:
    """Three times, by SIGKILL, wherever it is: every message counts once."""
    server = begin(_STREAM, nats_server, "killed")
    for begins in (0, 200, 400):
        to_stream(nats_server, "killed", range(begins, begins + 200))
        until(partial(_has_more_than, server, begins), "some of them", 30)
        server.kill()
        server.start()
    until(lambda: counted(server) >= 600, "all of them", 30)
    until(lambda: waits(nats_server, "killed") == 0, "everything to be acknowledged", 90)
    assert (counted(server), counted(server, "sums")) == (600, sum(range(600)))


def _has_more_than(server: Server, begins: int) -> bool:
    return bool(counted(server) > begins)


def test_a_subject_is_listened_to(nats_server: Broker, begin: Begin) -> None:
    """Without a stream: what comes meanwhile; the same message twice counts once; stop, start."""
    server = begin(_SUBJECT, nats_server, "plain")

    def publish_some() -> bool:
        async def run() -> None:
            connection = await nats.connect(f"nats://127.0.0.1:{nats_server.port}")
            for n in (1, 2, 2, 3):
                await connection.publish("plain.a", message(n))
            await connection.close()

        asyncio.run(run())
        return bool(counted(server) == 3)

    until(publish_some, "three messages, sent again and again", 30)
    assert told(server, "stop").json()["running"] is False
    until(lambda: not source(server)["fetching"], "it to stop", 30)
    state = source(server)
    assert (state["stored"], state["last_error"]) == (3, None)
    assert state["duplicates"] >= 1
    refused = told(server, "run")
    assert refused.status_code == 400
    assert "start or stop the source" in refused.json()["detail"]
    assert told(server, "start").status_code == 200
    until(lambda: source(server)["fetching"], "it to start", 30)


def test_a_topic_survives_the_server(mqtt_server: Broker, begin: Begin) -> None:
    """What is sent while the server is down waits in the session; a repeated one counts once."""
    server = begin(_TOPIC, mqtt_server, "plant")

    def send(*numbers: int) -> None:
        rows = [(f"plant/hall{n % 2}", message(n), 1, False) for n in numbers]
        publish.multiple([*rows], hostname="127.0.0.1", port=mqtt_server.port)

    def first() -> bool:
        send(1, 2, 2)
        return bool(counted(server) == 2)

    until(first, "two messages, sent until somebody listens", 30)
    server.kill()
    send(*range(3, 1000), 5)
    server.start()
    until(lambda: counted(server) == 999, "all of them", 90)
    assert counted(server, "sums") == sum(range(1, 1000))
    assert by_place(server) == {"hall0": 499, "hall1": 500}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (_STREAM, r"The stream absent can't be followed: .*stream not found"),
        (_STREAM.replace("{port}", "1"), r"The broker at nats://127.0.0.1:1 can't be used"),
        (_TOPIC.replace("{port}", "1"), r"The broker at 127.0.0.1:1 can't be reached"),
        (_SUBJECT + 'user = "env:NATS_USER"', "The variable NATS_USER is not set"),
    ],
    ids=["no stream", "no broker of NATS", "no broker of MQTT", "no secret"],
)
def test_what_is_wrong_is_told(nats_server: Broker, begin: Begin, url: str, reason: str) -> None:
    """In the state of the source, and tried again."""
    server = begin(url, nats_server, "absent")
    until(lambda: source(server).get("last_error"), "the error", 30)
    assert re.search(reason, source(server)["last_error"])
    assert source(server)["next"]


def test_brokers_of_the_inner_network_are_out_of_reach(nats_server: Broker, begin: Begin) -> None:
    """Unless the setting allows them."""
    server = begin(_STREAM, nats_server, "inner")
    server._env["LIVETALLY_SOURCES_ALLOW_PRIVATE"] = "false"
    server.restart()
    until(lambda: "no public address" in str(source(server)["last_error"]), "the refusal", 60)
