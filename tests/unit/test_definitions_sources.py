"""Sources, as a definition declares them, and what is wrong with those that can't be fetched.

In the flow: the shop with a source.
Guarantee: no secret can stand in a definition, and a schedule has a next time.
"""

from __future__ import annotations

import pytest

from livetally.definitions import Changes, PageKind, Schedule
from tests.declaring import shop, shop_mistakes

HEAD = '[source.s]\nurl = "https://api.example/x"\nmap = { type = "\'sale\'", id = "id" }\n'


def test_everything_said_is_kept() -> None:
    """Schedule, query, headers, pages, since, bounds and the mapping."""
    source = shop(
        HEAD + 'cron = "*/5 * * * *"\ntz = "Europe/Oslo"\njitter = "20 seconds"\nstart = false\n'
        'headers = { Authorization = "env:TOKEN", Accept-Language = "en" }\n'
        "query = { a = 1, b = true }\n"
        'pages = { kind = "cursor", parameter = "after", next = "meta.next" }\n'
        'since = { parameter = "from", cursor = "max(items[].updated)", start = "2026-01-01" }\n'
        'changes = "ignore"\ntimeout_s = 2.5\npages_max = 7\nbytes_max = 1000\n'
    ).sources["s"]
    assert source.schedule == Schedule(
        cron="*/5 * * * *", tz="Europe/Oslo", jitter_s=20, text="cron */5 * * * * (Europe/Oslo)"
    )
    assert not source.start
    assert source.headers == {"Authorization": "env:TOKEN", "Accept-Language": "en"}
    assert source.query == {"a": "1", "b": "true"}
    assert source.pages is not None
    assert (source.pages.kind, source.pages.parameter) == (PageKind.CURSOR, "after")
    assert source.since is not None
    assert (source.since.parameter, source.since.start) == ("from", "2026-01-01")
    assert [source.changes, source.timeout_s, source.pages_max, source.bytes_max] == [
        Changes.IGNORE,
        2.5,
        7,
        1000,
    ]


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        (HEAD, "source.s", "either 'every'"),
        (HEAD + 'every = "5 minuts"\n', "source.s.every", "such as '30 seconds'"),
        (HEAD + 'every = "1 day"\ncron = "* * * * *"\n', "source.s.every", "either 'every'"),
        (HEAD + 'cron = "61 * * * *"\n', "source.s.cron", "from 0 to 59"),
        (HEAD + 'cron = "0 0 30 2 *"\n', "source.s.cron", "no calendar has"),
        (HEAD + 'cron = "* * * * *"\ntz = "Oslo/Europe"\n', "source.s.tz", "Oslo"),
        (HEAD + 'every = "1 minute"\njitter = "2 minutes"\n', "source.s.jitter", "shorter"),
        (
            HEAD + 'every = "1 day"\nheaders = { Authorization = "Bearer x" }\n',
            "source.s.headers.Authorization",
            "is a secret",
        ),
        (
            HEAD + 'every = "1 day"\nheaders = { Authorization = "env:LIVETALLY_ROOT_KEY" }\n',
            "source.s.headers.Authorization",
            "env:",
        ),
        (
            HEAD + 'every = "1 day"\npages = { kind = "cursor", parameter = "c" }\n',
            "source.s.pages",
            "'next' is missing",
        ),
        (
            HEAD + 'every = "1 day"\npages = { kind = "offset", parameter = "c" }\n',
            "source.s.pages",
            "'size' is missing",
        ),
        (
            HEAD + 'every = "1 day"\nsince = { parameter = "c", cursor = "max(" }\n',
            "source.s.since.cursor",
            "no JMESPath",
        ),
        (HEAD + 'every = "1 day"\nevry = 1\n', "source.s.evry", "did you mean 'every'?"),
        (
            HEAD.replace("https://api", "ftp://api") + 'every = "1 day"\n',
            "source.s.url",
            "http:// or https://",
        ),
        (
            HEAD.replace("https://api", "https://me:secret@api") + 'every = "1 day"\n',
            "source.s.url",
            "holds a password",
        ),
    ],
    ids=lambda value: value[-40:].strip() if isinstance(value, str) else str(value),
)
def test_a_mistake_is_named(text: str, key: str, reason: str) -> None:
    """With its key and what to do."""
    found = shop_mistakes(text)
    assert [key] == [one[1] for one in found]
    assert reason in found[0][2]
