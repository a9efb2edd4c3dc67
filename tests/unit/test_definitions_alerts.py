"""Alerts in a definition: what is read, and what is refused at which key."""

from __future__ import annotations

from decimal import Decimal

import pytest

from livetally.definitions import ChannelKind, Measure, read_json, read_toml, to_json
from livetally.errors import InvalidDefinition

_HEAD = """\
application = "shop"
[event.sale]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
[metric.shops]
event = "sale"
aggregate = "unique"
value = "shop"
[metric.each]
ratio = ["sales", "shops"]
"""
_WHOLE = """\
[alert.too_many]
title = "Too many"
metric = "sales"
where = ["shop:north"]
window = "1 hour"
measure = "change"
above = 12.5
clear = 10
for = "5 minutes"
every = "10 seconds"
notify = [
    { webhook = "https://hooks.example.org/x", secret = "env:HOOK_SECRET" },
    { webhook = "env:HOOK_URL" },
    { email = "ops@example.org" },
]
"""


def test_a_whole_alert_is_read() -> None:
    """Bounds are exact, lengths are seconds, each channel is of its kind."""
    alert = read_toml(_HEAD + _WHOLE, "shop.toml").alerts["too_many"]
    assert (alert.metric, alert.window_s, alert.hold_s, alert.every_s) == ("sales", 3600, 300, 10)
    assert (alert.above, alert.below, alert.clear) == (Decimal("12.5"), None, Decimal(10))
    assert alert.measure is Measure.CHANGE
    assert alert.condition == "above 12.5 % until 10 %"
    assert [(one.kind, one.to, one.secret) for one in alert.notify] == [
        (ChannelKind.WEBHOOK, "https://hooks.example.org/x", "env:HOOK_SECRET"),
        (ChannelKind.WEBHOOK, "env:HOOK_URL", ""),
        (ChannelKind.EMAIL, "ops@example.org", ""),
    ]


def test_a_short_alert_has_defaults() -> None:
    """It ends at its bound, at once, and is looked at every half minute; ratios have bounds too."""
    text = f'{_HEAD}[alert.few]\nmetric = "each"\nwindow = "1 day"\nbelow = 3\n'
    alert = read_toml(text, "shop.toml").alerts["few"]
    assert alert.below == alert.clear == Decimal(3)
    assert (alert.hold_s, alert.every_s) == (0, 30)
    assert alert.condition == "below 3"


def test_json_declares_the_same() -> None:
    """An alert survives the canonical form."""
    application = read_toml(_HEAD + _WHOLE, "shop.toml")
    again = read_json(to_json(application), "json")
    assert again.alerts == application.alerts


@pytest.mark.parametrize(
    ("lines", "key", "reason"),
    [
        ('window = "1 hour"\nabove = 1', "alert.a", "'metric' is missing"),
        ('metric = "sale"\nwindow = "1 hour"\nabove = 1', "alert.a.metric", "sales"),
        ('metric = "sales"\nabove = 1', "alert.a", "'window' is missing"),
        ('metric = "sales"\nwindow = "an hour"\nabove = 1', "alert.a.window", "length of time"),
        ('metric = "sales"\nwindow = "1 hour"', "alert.a", "'above' and 'below'"),
        ('metric = "sales"\nwindow = "1 hour"\nabove = 1\nbelow = 2', "alert.a", "one of"),
        ('metric = "sales"\nwindow = "1 hour"\nabove = "1"', "alert.a.above", "a number"),
        ('metric = "sales"\nwindow = "1 hour"\nabove = true', "alert.a.above", "a number"),
        ('metric = "sales"\nwindow = "1 hour"\nabove = 1\nclear = 2', "alert.a.clear", "at most"),
        ('metric = "sales"\nwindow = "1 hour"\nbelow = 1\nclear = 0', "alert.a.clear", "at least"),
        ('metric = "sales"\nwindow = "1 hour"\nabove = 1\nevery = "2 days"', "every", "at most"),
        ('metric = "sales"\nwindow = "1 hour"\nabove = 1\ncolour = 1', "colour", "colour"),
        (
            'metric = "sales"\nwindow = "1 hour"\nabove = 1\nwhere = ["shop"]',
            "where[0]",
            "field:value",
        ),
    ],
)
def test_mistakes_are_named(lines: str, key: str, reason: str) -> None:
    """Each at its key, with what would be right."""
    _refused(f"{_HEAD}[alert.a]\n{lines}\n", key, reason)


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        ('{ nats = "alerts.*" }', "a subject"),
        ('{ nats = "livetally.runs" }', "of our own"),
        ("{}", "one of 'webhook', 'email' and 'nats'"),
        ('{ email = "a@b.c", webhook = "https://x.org" }', "one of"),
        ('{ email = "nobody" }', "ops@example.org"),
        ('{ email = "a@b.c\\nBcc: d@e.f" }', "ops@example.org"),
        ('{ email = "a@b.c", secret = "env:X" }', "secret"),
        ('{ webhook = "ftp://x.org" }', "https://"),
        ('{ webhook = "https://u:p@x.org" }', "password"),
        ('{ webhook = "https://[x" }', "https://"),
        ('{ webhook = "https://x.org", secret = "hunter2" }', "env:NAME"),
        ('{ webhook = "env:LIVETALLY_ROOT_KEY" }', "env:"),
    ],
)
def test_channels_that_reach_nobody_are_refused(channel: str, reason: str) -> None:
    """Also those that would send a secret of the server's own, or hold one."""
    alert = f'[alert.a]\nmetric = "sales"\nwindow = "1 hour"\nabove = 1\nnotify = [{channel}]\n'
    _refused(_HEAD + alert, "notify[0]", reason)


def _refused(text: str, key: str, reason: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_toml(text, "shop.toml")
    problems = [(one.key, one.reason) for one in refused.value.problems]
    assert any(key in where and reason in why for where, why in problems), problems
