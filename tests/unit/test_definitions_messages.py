"""Sources of messages, as a definition declares them, and what is wrong with those that can't be.

In the flow: the shop with a source of messages.
Guarantee: every message has an identity, and no secret stands in a definition.
"""

from __future__ import annotations

import pytest

from livetally.definitions import Messages, MessagesKind
from tests.declaring import shop, shop_mistakes

NATS = '[source.s]\nurl = "nats://broker.example:4222"\n'
MQTT = '[source.s]\nurl = "mqtts://broker.example"\n'
POSTGRESQL = '[source.s]\nurl = "postgresql://db.example/shop"\n'
MAP = 'map = { type = "\'sale\'", id = "id" }\n'
NO_ID = "map = { type = \"'sale'\" }\n"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (NATS + 'subject = "a.*.>"\n' + MAP, Messages(MessagesKind.NATS, "a.*.>")),
        (
            NATS + 'subject = ">"\nstream = "S_1"\nuser = "env:U"\npassword = "env:P"\n' + NO_ID,
            Messages(MessagesKind.NATS, ">", "S_1", 1, "env:U", "env:P"),
        ),
        (MQTT + 'topic = "a/+/#"\nqos = 2\n' + MAP, Messages(MessagesKind.MQTT, "a/+/#", "", 2)),
        (MQTT + 'topic = "/"\nqos = 0\n' + MAP, Messages(MessagesKind.MQTT, "/", "", 0)),
        (
            POSTGRESQL.replace("/shop", ":6432/shop?sslmode=verify-full")
            + 'channel = "Sold \\"here\\""\nuser = "env:U"\npassword = "env:P"\n'
            + MAP,
            Messages(MessagesKind.POSTGRESQL, 'Sold "here"', "", 1, "env:U", "env:P"),
        ),
    ],
    ids=["subject", "stream", "topic", "qos 0", "channel"],
)
def test_what_is_said_is_kept(text: str, messages: Messages) -> None:
    """Subject, stream, topic, QoS and where the secrets are; there is no schedule."""
    source = shop(text).sources["s"]
    assert source.messages == messages
    assert source.schedule.text == "as messages come"


def test_what_a_message_came_as_can_be_asked_for() -> None:
    """By the name that its broker has for it, and by no other."""
    text = NATS + 'subject = "a"\nmap = { type = "\'sale\'", id = "param(\'SUBJECT\')" }\n'
    assert list(shop(text.replace("SUBJECT", "subject")).sources) == ["s"]
    assert "topic" in str(shop_mistakes(text.replace("SUBJECT", "topic")))


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        (NATS + MAP, "source.s", "'subject' is missing"),
        (MQTT + MAP, "source.s", "'topic' is missing"),
        (NATS + 'subject = "a..b"\n' + MAP, "source.s.subject", "names with dots"),
        (NATS + 'subject = "a.>.b"\n' + MAP, "source.s.subject", "names with dots"),
        (NATS + 'subject = "a b"\n' + MAP, "source.s.subject", "names with dots"),
        (MQTT + 'topic = "a/b+"\n' + MAP, "source.s.topic", "names with '/'"),
        (MQTT + 'topic = "a/#/b"\n' + MAP, "source.s.topic", "names with '/'"),
        (POSTGRESQL + MAP, "source.s", "'channel' is missing"),
        (POSTGRESQL + f'channel = "{"a" * 64}"\n' + MAP, "source.s.channel", "63 bytes"),
        (POSTGRESQL + 'channel = "a"\nqos = 1\n' + MAP, "source.s.qos", "key here"),
        (POSTGRESQL + 'channel = "a"\nstream = "S"\n' + MAP, "source.s.stream", "key here"),
        (POSTGRESQL + 'channel = "a"\n' + NO_ID, "source.s.map", "may come twice"),
        (
            POSTGRESQL.replace("/shop", "") + 'channel = "a"\n' + MAP,
            "source.s.url",
            "names no database",
        ),
        (
            POSTGRESQL.replace("/shop", "/shop?host=10.0.0.1") + 'channel = "a"\n' + MAP,
            "source.s.url",
            "nothing else",
        ),
        (MQTT + 'topic = "a"\nqos = 3\n' + MAP, "source.s.qos", "from 0 to 2"),
        (NATS + 'subject = "a"\nqos = 1\n' + MAP, "source.s.qos", "key here"),
        (NATS + 'subject = "a"\nstream = "a.b"\n' + MAP, "source.s.stream", "no name of a stream"),
        (NATS + 'subject = "a"\n' + NO_ID, "source.s.map", "name the 'stream'"),
        (MQTT + 'topic = "a"\n' + NO_ID, "source.s.map", "may come twice"),
        (NATS + 'subject = "a"\nevery = "1 day"\n' + MAP, "source.s.every", "by themselves"),
        (NATS + 'subject = "a"\nuser = "ada"\n' + MAP, "source.s.user", "no secret stands"),
        (
            NATS + 'subject = "a"\npassword = "env:LIVETALLY_ROOT_KEY"\n' + MAP,
            "source.s.password",
            "env:NAME",
        ),
        (
            NATS.replace("//", "//u:p@") + 'subject = "a"\n' + MAP,
            "source.s.url",
            "password = 'env:NAME'",
        ),
        (
            NATS.replace("nats:", "amqp:") + 'every = "1 day"\n' + MAP,
            "source.s.url",
            "nats://, mqtt:// or postgresql://",
        ),
    ],
    ids=str,
)
def test_what_can_t_be_is_told(text: str, key: str, reason: str) -> None:
    """By key and reason."""
    assert [(at, reason in why) for _, at, why in shop_mistakes(text)][:1] == [(key, True)]
