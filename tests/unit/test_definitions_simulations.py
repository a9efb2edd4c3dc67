"""Simulations, as a definition declares them, and what is wrong with those that can't run.

In the flow: the shop with a simulation.
Guarantee: a simulation that is accepted makes events that its own event types take.
"""

from __future__ import annotations

import pytest

from livetally.definitions import Draw, DrawKind
from tests.declaring import shop, shop_mistakes

HEAD = "[simulation.s]\n"
SALE = '[[simulation.s.events]]\nevent = "sale"\n'


def test_everything_said_is_kept() -> None:
    """The head, the rhythm, what events are about and how their values are drawn."""
    simulation = shop(
        HEAD + 'rate = 0.5\nseed = 9\ntz = "Europe/Oslo"\nsource = "till"\ndaily = "day"\n'
        "weekly = [1, 1, 1, 1, 1, 0.5, 0]\n"
        '[simulation.s.entity.buyer]\ncount = 3\nkey = { sequence = "B{n}" }\n'
        + SALE
        + 'weight = 2.5\nsubject = { one_of = "buyer" }\n'
        "data.value = { normal = [20, 4], minimum = 1, decimals = 1 }\n"
        "data.count = { integer = [1, 6] }\ndata.paid = { chance = 0.9, missing = 0.1 }\n"
    ).simulations["s"]
    assert [simulation.rate, simulation.seed, simulation.tz] == [0.5, 9, "Europe/Oslo"]
    assert simulation.source == "till"
    assert list(simulation.weekdays) == [1, 1, 1, 1, 1, 0.5, 0]
    assert simulation.entities["buyer"].key == Draw(DrawKind.SEQUENCE, text="B{n}")
    (step,) = simulation.steps
    assert step.weight == 2.5
    assert step.subject == Draw(DrawKind.ONE_OF, text="buyer")
    assert step.data["value"] == Draw(DrawKind.NORMAL, first=20, second=4, minimum=1, decimals=1)
    assert step.data["paid"] == Draw(DrawKind.CHANCE, first=0.9, missing=0.1)


def test_a_field_may_be_called_like_a_draw() -> None:
    """``value`` and ``address.name`` are fields where their tables say so."""
    application = shop(
        '[event.visit]\ndata = { value = "string", who.name = "string" }\n'
        + HEAD
        + '[[simulation.s.events]]\nevent = "visit"\n'
        'data.value = { name = "city" }\ndata.who.name = { name = "person" }\n'
    )
    (step,) = application.simulations["s"].steps
    assert list(step.data) == ["value", "who.name"]


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        (HEAD + "rate = 0\n" + SALE, 2, "simulation.s.rate", "from 1e-06 to 1e+06"),
        (HEAD + 'tz = "Europe/Osol"\n' + SALE, 2, "simulation.s.tz", "Europe/Oslo"),
        (HEAD + 'daily = "offise"\n' + SALE, 2, "simulation.s.daily", "did you mean 'office'?"),
        (HEAD + "weekly = [1, 2]\n" + SALE, 2, "simulation.s.weekly", "7 weights"),
        (HEAD + "rat = 1\n" + SALE, 2, "simulation.s.rat", "did you mean 'rate'?"),
        (HEAD, 1, "simulation.s", "what happens?"),
        (HEAD + SALE.replace("sale", "sales"), 3, "simulation.s.events[0].event", "'sale'"),
        (HEAD + SALE + "data.valeu = 1\n", 4, "simulation.s.events[0].data.valeu", "'value'"),
        (HEAD + SALE + 'data.value = "x"\n', 4, "simulation.s.events[0].data.value", "decimal"),
        (
            HEAD + SALE + "data.value = { normal = [1] }\n",
            4,
            "simulation.s.events[0].data.value.normal",
            "the mean and the deviation",
        ),
        (
            HEAD + SALE + "data.value = { uniform = [2, 1] }\n",
            4,
            "simulation.s.events[0].data.value.uniform",
            "below the lowest",
        ),
        (
            HEAD + SALE + "data.value = { choice = [1, 2], uuid = true }\n",
            4,
            "simulation.s.events[0].data.value",
            "exactly one of",
        ),
        (
            HEAD + SALE + "data.value = { choice = [1, 2], weights = [0, 0] }\n",
            4,
            "simulation.s.events[0].data.value",
            "not all of them zero",
        ),
        (HEAD + SALE + 'creates = "buyer"\n', 4, "simulation.s.events[0].creates", "declare it"),
        (HEAD + SALE + "ends = true\n", 4, "simulation.s.events[0].ends", "with 'changes'"),
        (
            HEAD + SALE + 'subject = { one_of = "buyer" }\n',
            4,
            "simulation.s.events[0].subject.one_of",
            "no entity is called 'buyer'",
        ),
        (HEAD + SALE + "weight = 0\n", 2, "simulation.s.events", "more than zero"),
        (
            '[event.visit]\ndata.page = { type = "string", required = true }\n'
            + HEAD
            + '[[simulation.s.events]]\nevent = "visit"\n',
            4,
            "simulation.s.events[0].data",
            "requires 'page'",
        ),
    ],
    ids=lambda value: value[-30:].strip() if isinstance(value, str) else str(value),
)
def test_a_mistake_is_named(text: str, line: int, key: str, reason: str) -> None:
    """With its line, its key and what to do."""
    found = shop_mistakes(text)
    assert [(line, key)] == [one[:2] for one in found]
    assert reason in found[0][2]
