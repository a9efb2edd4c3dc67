"""Inlets, published answers, imports and look-up tables, as a definition declares them.

In the flow: a shop with events, a metric and an entity, and one table more.
Guarantee: what is accepted can be served; every mistake has its line, key and reason.
"""

from __future__ import annotations

from typing import Any

import pytest

from livetally.definitions import (
    Application,
    Auth,
    AuthKind,
    RouteTable,
    check_team,
    plan,
    plan_text,
    read_json,
    read_toml,
    to_json,
    with_lookup_files,
)
from livetally.errors import InvalidDefinition

# Eleven lines; the test's own begin on line 12.
BASE = """\
application = "shop"
[event.sale]
data.value = { type = "decimal", required = true }
data.team = "string"
[metric.sales]
aggregate = "count"
event = "sale"
[entity.buyer]
key = "subject"
events = ["sale"]
fields.last = { latest = "value" }
"""
SALE = 'path = "/sale"\nmap.type = "\'sale\'"\nmap.data.value = "v"\n'


def shop(more: str) -> Application:
    """Read the shop with more in it."""
    return read_toml(BASE + more, "shop.toml")


def mistakes(more: str) -> list[tuple[int, str, str]]:
    """Return line, key and reason of every mistake."""
    with pytest.raises(InvalidDefinition) as caught:
        shop(more)
    return [(line, key, reason) for line, key, reason in caught.value.problems]


def test_an_inlet_is_read_whole() -> None:
    """Path, method, authentication, mapping and reply."""
    inlet = shop(
        '[inlet.i]\npath = "/a/{id}/b"\nmethod = "put"\ntitle = "T"\n'
        'auth = { hmac = "sha1", header = "X-Sig", prefix = "v=", encoding = "base64",'
        ' secret = "env:S" }\nmap.type = "\'sale\'"\nmap.data.value = "v"\n'
        'reply = { status = 201, body = { id = "{param.id}" } }\n'
    ).inlets["i"]
    assert (inlet.path.method, inlet.path.text, inlet.path.params) == ("PUT", "/a/{id}/b", ("id",))
    assert inlet.auth == Auth(AuthKind.HMAC, "x-sig", "S", "v=", "sha1", "base64")
    assert inlet.mapping.events({"v": 1}).items == [{"type": "sale", "data": {"value": 1}}]
    assert inlet.reply is not None
    assert inlet.reply.status == 201


@pytest.mark.parametrize(
    ("line", "key", "part"),
    [
        ("path = 5", "path", "must be a text"),
        ('path = "x"', "path", "must begin with '/'"),
        ('path = "/"', "path", "'/' is the console's"),
        ('path = "/v1/events"', "path", "below /v1/api there is room"),
        ('path = "/metrics/x"', "path", "the program's own"),
        ('path = "/assets/x"', "path", "the program's own"),
        ('path = "/{any}"', "path", "would take every path"),
        ('path = "/a//b"', "path", "an empty part"),
        ('path = "/a/x{b}"', "path", "can't have 'x{b}'"),
        ('path = "/a/.."', "path", "can't have '..'"),
        ('path = "/a/{b}/{b}"', "path", "two parts of one name"),
        ('path = "/a b"', "path", "can't have 'a b'"),
        ('path = "/ok"\nmethod = "GET"', "method", "GET changes nothing"),
        ('path = "/ok"\nmethod = "PSOT"', "method", "did you mean 'POST'?"),
        ('path = "/ok"\nauth = "nobody"', "auth", "must be 'key', 'none'"),
        ('path = "/ok"\nauth = { header = "X", secret = "abc" }', "auth.secret", "'env:NAME'"),
        ('path = "/ok"\nauth = { header = "X", secret = "env:LIVETALLY_ROOT_KEY" }',
         "auth.secret", "own settings"),
        ('path = "/ok"\nauth = { secret = "env:S" }', "auth", "'header' is missing"),
        ('path = "/ok"\nauth = { header = "X Y", key = true }', "auth.header", "not the name"),
        ('path = "/ok"\nauth = { hmac = "md5", header = "X", secret = "env:S" }',
         "auth.hmac", "must be one of: sha1, sha256, sha512"),
        ('path = "/ok"\nauth = { header = "X", secret = "env:S", prefx = "a" }', "auth.prefx",
         "did you mean 'prefix'?"),
        ('path = "/ok"\nreply = { status = 404 }', "reply.status", "from 200 to 299"),
        ('path = "/ok"\nreply = { status = 204, body = {} }', "reply.body", "has no body"),
        ('path = "/ok"\nreply.body = { a = "{param.x}" }', "reply.body.a",
         "no 'param' is called 'x'"),
        ('path = "/ok"\nreply.body = { a = "{acepted.stored}" }', "reply.body.a",
         "did you mean 'accepted'?"),
        ('path = "/ok"\nreply.body = "{x"', "reply.body", "a brace is not closed"),
        ('path = "/ok"\nmap.data.valeu = "v"', "map.data.valeu", "did you mean 'value'?"),
        ('path = "/ok"\nmap.eech = "v"', "map.eech", "did you mean 'each'?"),
        ('path = "/ok"\nmapp = 1', "mapp", "did you mean 'map'?"),
    ],
)  # fmt: skip
def test_mistakes_in_an_inlet(line: str, key: str, part: str) -> None:
    """Each one at its key, and nothing else is reported."""
    found = mistakes(f'[inlet.i]\nmap.type = "\'sale\'"\nmap.data.value = "v"\n{line}\n')
    assert [one[1] for one in found] == [f"inlet.i.{key}"], found
    assert part in found[0][2]
    assert found[0][0] >= 12


def test_the_declared_event_type_is_known() -> None:
    """A mapping gives what the type requires, and a forgotten quote is told."""
    assert [one[1:] for one in mistakes('[inlet.i]\npath = "/x"\nmap.type = "\'sale\'"\n')] == [
        ("inlet.i.map", "event type 'sale' requires 'data.value'")
    ]
    assert [one[1:] for one in mistakes('[inlet.i]\npath = "/x"\nmap.type = "sale"\n')] == [
        (
            "inlet.i.map.type",
            "is the record's member 'sale'; the event type is written \"'sale'\"",
        )
    ]


@pytest.mark.parametrize(
    ("lines", "key", "part"),
    [
        ('metric = "sales"\nentity = "buyer"', "", "takes one of"),
        ("", "", "takes one of"),
        ('metric = "sals"', ".metric", "did you mean 'sales'?"),
        ('entity = "byer"', ".entity", "did you mean 'buyer'?"),
        ('metric = "sales"\nkey = "x"', ".key", "belongs to an entity"),
        ('entity = "buyer"\nkey = "x"\nparameters.limit = 1', ".parameters", "asks for one"),
        ('metric = "sales"\nparameters.intervall = "day"', ".parameters.intervall", "'interval'?"),
        ('metric = "sales"\nparameters.from = { a = 1 }', ".parameters.from", "must be a text"),
        ('metric = "sales"\nbody = "{rows}"', ".body", "no value here is called 'rows'"),
        ('metric = "sales"\nmethod = "PUT"', ".method", "takes GET or POST"),
        ('metric = "sales"\nauth = { hmac = "sha1", header = "X", secret = "env:S" }',
         ".auth", "which GET has not"),
    ],
)  # fmt: skip
def test_mistakes_in_an_answer(lines: str, key: str, part: str) -> None:
    """What can't be asked is told when it is declared."""
    found = mistakes(f'[answer.a]\npath = "/x"\n{lines}\n')
    assert [one[1] for one in found] == [f"answer.a{key}"], found
    assert part in found[0][2]


def test_paths_collide_in_a_file_and_between_teams() -> None:
    """Two that would take the same request, whatever their parameters are called."""
    one = f"[inlet.a]\n{SALE}[inlet.b]\n{SALE.replace('/sale', '/{0}/x').replace('{0}', 's')}"
    shop(one)
    [(line, key, reason)] = mistakes(
        '[answer.a]\npath = "/s/{x}"\nmetric = "sales"\n'
        '[answer.b]\npath = "/s/{y}"\nmetric = "sales"\n'
    )
    assert (line, key, reason) == (16, "answer.b.path", "GET /s/{y} is taken already")
    elsewhere = read_toml(f'application = "o"\n[inlet.z]\n{SALE}', "o.toml")
    with pytest.raises(InvalidDefinition, match="POST /sale is taken already"):
        check_team(shop(f"[inlet.a]\n{SALE}"), (), "shop.toml", [elsewhere])


def test_the_canonical_form_is_read_again_and_planned() -> None:
    """What is declared survives, and a change of it is named."""
    text = (
        f'[inlet.a]\n{SALE}map.data.team = {{ from = "t", lookup = "l", default = "none" }}\n'
        '[answer.b]\npath = "/b"\nmetric = "sales"\n[import.c]\nmap.type = "kind"\n'
        '[lookup.l]\nrows = { x = "red", y = 1.5 }\n'
    )
    whole = to_json(shop(text))
    assert to_json(read_json(whole, "again")) == whole
    assert plan_text(plan(None, shop(text))).splitlines()[-5:] == [
        "+ inlet a: POST /sale",
        "+ answer b: GET /b",
        "+ import c: new",
        "+ lookup l: 2 rows",
        "shop: 11 added.",
    ]
    changed = plan(shop(text), shop(text.replace("/b", "/c"))).changes
    assert [(one.what, one.name, one.detail) for one in changed] == [
        ("answer", "b", "path /b -> /c")
    ]
    assert plan(shop(text), shop(text)).changes == ()


def test_files_of_lookups_become_rows() -> None:
    """The text stays, the rows stand behind it, and the lines of mistakes stay right."""
    text = BASE + '[lookup.l]\nfile = "a/l.csv"\nkey = "k"\nvalue = "v"\n'
    asked = []

    def read(name: str) -> str:
        asked.append(name)
        return 'k,v\nx,"say ""hi"" \\ \x7f"\n"a.b",ü\n'

    whole = with_lookup_files(text, "shop.toml", read)
    assert asked == ["a/l.csv"]
    assert whole.startswith(text)
    rows = read_toml(whole, "shop.toml").lookups["l"].rows
    assert rows == {"x": 'say "hi" \\ \x7f', "a.b": "ü"}
    assert with_lookup_files(whole, "shop.toml", read) == whole
    assert with_lookup_files("no = [", "shop.toml", read) == "no = ["


@pytest.mark.parametrize(
    ("content", "key", "reason"),
    [
        ("a,v\n", "lookup.l.file", "has no column 'k'; its columns are a, v"),
        (OSError(2, "No such file or directory"), "lookup.l.file",
         "can't be read: No such file or directory"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_lookup(content: Any, key: str, reason: str) -> None:
    """It is a mistake in the definition, at the line that names the file."""

    def read(_name: str) -> str:
        if isinstance(content, Exception):
            raise content
        return str(content)

    text = BASE + '[lookup.l]\nfile = "l.csv"\nkey = "k"\nvalue = "v"\n'
    with pytest.raises(InvalidDefinition) as caught:
        with_lookup_files(text, "shop.toml", read)
    assert [tuple(one) for one in caught.value.problems] == [(13, key, reason)]


def test_a_request_finds_its_path() -> None:
    """A written part wins over any; parameters come with their names; methods are apart."""
    application = shop(
        f"[inlet.any]\n{SALE.replace('/sale', '/a/{x}/c')}"
        f"[inlet.named]\n{SALE.replace('/sale', '/a/b/d')}"
        '[answer.get]\npath = "/a/{y}/c"\nmetric = "sales"\n'
        '[answer.slash]\npath = "/a/"\nmetric = "sales"\n'
    )
    table = RouteTable([(None, application)])

    def found(path: str) -> dict[str, Any]:
        hit = table.find(path.split("/")[1:])
        by_method = hit.by_method if hit else {}
        return {method: (one.target.name, params) for method, (one, params) in by_method.items()}

    assert found("/a/b/c") == {"POST": ("any", {"x": "b"}), "GET": ("get", {"y": "b"})}
    assert found("/a/b/d") == {"POST": ("named", {})}
    assert found("/a/") == {"GET": ("slash", {})}
    for path in ("/a", "/a//c", "/a/b", "/a/b/c/", "/"):
        assert found(path) == {}, path


def test_of_two_teams_the_first_keeps_a_path() -> None:
    """What all teams share comes first."""
    both = [(team, shop(f"[inlet.i]\n{SALE}")) for team in (None, 7)]
    hit = RouteTable(both).find(["sale"])
    assert hit is not None
    assert hit.by_method["POST"][0].team is None
