"""Published commands, as a definition declares them, and the answer at ``/``.

In the flow: the shop with a source and a command.
Guarantee: a command is about a source of its own definition, and hides none of the program's paths.
"""

from __future__ import annotations

import pytest

from livetally.definitions import Command, CommandAction, read_json, to_json
from tests.declaring import shop, shop_mistakes

SOURCE = """
[source.s]
url = "https://api.example/x"
every = "1 day"
map = { type = "'sale'", id = "id" }
[source.m]
url = "mqtt://broker.example"
topic = "a"
map = { type = "'sale'", id = "id" }
"""
HEAD = SOURCE + "[command.c]\n"


def test_everything_said_is_kept() -> None:
    """Path, method, action, sources and reply; also when it is written back."""
    text = HEAD + (
        'path = "/start/{name}"\nmethod = "put"\nsource = ["s", "m"]\naction = "start"\n'
        'auth = "none"\nreply = { status = 202, body = { on = "{sources[0].name}" } }\n'
    )
    application = shop(text)
    command = application.commands["c"]
    assert (command.path.method, command.path.text) == ("PUT", "/start/{name}")
    assert (command.action, command.sources) == (CommandAction.START, ("s", "m"))
    assert command.reply is not None
    assert command.reply.status == 202
    again = read_json(to_json(application), "again").commands["c"]
    assert isinstance(again, Command)
    assert again == command


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ('path = "/x"\naction = "start"\n', "command.c", "'source' is missing"),
        ('path = "/x"\naction = "start"\nsource = "t"\n', "command.c.source", "[source.t]"),
        ('path = "/x"\nsource = "s"\n', "command.c", "'action' is missing"),
        ('path = "/x"\nsource = "s"\naction = "halt"\n', "command.c.action", "start, stop, run"),
        ('path = "/x"\nsource = "m"\naction = "run"\n', "command.c.source", "by themselves"),
        ('path = "/"\nsource = "s"\naction = "run"\n', "command.c.path", "'/' is the console's"),
        ('path = "/v1/x"\nsource = "s"\naction = "run"\n', "command.c.path", "the program's own"),
        (
            'path = "/x"\nmethod = "GET"\nsource = "s"\naction = "run"\n',
            "command.c.method",
            "GET changes nothing",
        ),
        (
            'path = "/x"\nsource = "s"\naction = "run"\nreply = { body = "{body.a}" }\n',
            "command.c.reply.body",
            "body",
        ),
    ],
    ids=str,
)
def test_what_can_t_be_is_told(text: str, key: str, reason: str) -> None:
    """By key and reason."""
    assert [(at, reason in why) for _, at, why in shop_mistakes(HEAD + text)][:1] == [(key, True)]


def test_a_path_is_taken_once() -> None:
    """By an inlet or a command."""
    inlet = '[inlet.i]\npath = "/x"\nmap = { type = "\'sale\'" }\n'
    text = HEAD + 'path = "/x"\nsource = "s"\naction = "run"\n' + inlet
    assert "taken already" in str(shop_mistakes(text))


def test_an_answer_may_stand_at_the_root() -> None:
    """But nothing that changes anything."""
    answer = '[answer.a]\npath = "/"\nmetric = "sales"\n'
    metric = '[metric.sales]\nevent = "sale"\naggregate = "count"\n'
    assert shop(metric + answer).answers["a"].path.parts == ("",)
    posted = answer + 'method = "POST"\n'
    assert "'/' is the console's" in str(shop_mistakes(metric + posted))
