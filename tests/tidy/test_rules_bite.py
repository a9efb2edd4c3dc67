"""Each house rule finds a planted fault and leaves good work alone.

In the flow: hands small made-up modules to ``rules``.
Guarantee: a rule that stopped finding anything would be noticed.
"""

from __future__ import annotations

import pytest

from tests.tidy import rules
from tests.tidy.source_tree import Module

GOOD_DOCSTRING = '"""What it is for.\n\nIn the flow: from a to b.\nGuarantee: it holds.\n"""\n'


def module(text: str, path: str = "src/livetally/made_up.py") -> Module:
    """Parse a made-up module."""
    return Module.of(path, text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = 1\n", id="none"),
        pytest.param(GOOD_DOCSTRING.replace("In the flow", "Somewhere"), id="no flow"),
        pytest.param(GOOD_DOCSTRING.replace("Guarantee", "Hope"), id="no guarantee"),
    ],
)
def test_a_docstring_without_flow_or_guarantee_is_found(text: str) -> None:
    """A module's docstring must have both lines."""
    assert len(list(rules.module_docstring_faults(module(text)))) == 1
    assert list(rules.module_docstring_faults(module(GOOD_DOCSTRING))) == []


def test_a_package_may_say_one_sentence() -> None:
    """A package's own file that only exports needs no flow and no guarantee."""
    text = '"""Events."""\nfrom a import b\n__all__ = ["b"]\n'
    assert list(rules.module_docstring_faults(module(text, "src/livetally/a/__init__.py"))) == []
    with_code = text + "def c(): ...\n"
    assert list(rules.module_docstring_faults(module(with_code, "src/livetally/a/__init__.py")))


@pytest.mark.parametrize(
    "text",
    [
        "from livetally.store.events.layout import TABLE, Layout\n",
        'sql = f"SELECT count() FROM livetally.events WHERE {rest}"\n',
    ],
)
def test_naming_the_table_of_all_teams_is_found(text: str) -> None:
    """By the name that stands for it, and by its own."""
    assert rules.names_the_events_table(module(text))
    other = text.replace("TABLE", "VIEWS").replace("livetally.events", "system.parts")
    assert not rules.names_the_events_table(module(other))


@pytest.mark.parametrize(
    "line",
    ["given == secret", "wanted.reveal() != text", "row.secret_hash == made", "a.token == b"],
)
def test_a_plain_comparison_of_a_secret_is_found(line: str) -> None:
    """With ``==`` and ``!=``, whatever side it is on; not when one side is written in the code."""
    assert len(list(rules.secret_comparisons(module(f"x = {line}\n")))) == 1
    assert list(rules.secret_comparisons(module("x = secret == ''\n"))) == []


def test_the_docstring_is_not_counted_as_function() -> None:
    """A function's size is its lines without its docstring."""
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    x = 1\n    return x\n'
    assert list(rules.function_sizes(module(text))) == [("src/livetally/made_up.py:f", 3)]


@pytest.mark.parametrize(
    "line",
    ["time.sleep(0.1)", "await asyncio.sleep(PAUSE)", "sleep(1)", "page.wait_for_timeout(100)"],
)
def test_a_sleeping_test_is_found(line: str) -> None:
    """A wait for a fixed time is found in a test, also when a comment excuses it."""
    text = f"async def test_it():\n    {line}  # sleeps: because\n"
    assert len(list(rules.sleeps(module(text, "tests/unit/test_it.py")))) == 1
    assert list(rules.sleeps(module(text, "tests/waiting.py"))) == []
    assert list(rules.sleeps(module(text.replace("# sleeps", "#"), "tests/waiting.py")))


def test_giving_way_is_not_sleeping() -> None:
    """``sleep(0)`` lets other tasks run and waits for no time."""
    assert list(rules.sleeps(module("async def f():\n    await asyncio.sleep(0)\n"))) == []


def test_a_test_without_docstring_is_found() -> None:
    """A test that does not state its behaviour is found, in a class too."""
    text = "class TestIt:\n    def test_it(self): ...\nasync def test_that():\n    'It does.'\n"
    assert len(list(rules.tests_without_docstring(module(text)))) == 1


def test_a_read_of_the_environment_is_found() -> None:
    """Both ways to read a variable of the environment are found."""
    text = "import os\na = os.environ['A']\nb = os.getenv('B')\n"
    assert len(list(rules.environment_reads(module(text)))) == 2


def test_an_unlisted_name_is_found() -> None:
    """A public function missing from ``__all__`` is found; a private one need not be there."""
    text = "__all__ = ['f']\ndef f(): ...\ndef g(): ...\ndef _h(): ...\nclass K: ...\n"
    found = list(rules.unlisted_names(module(text)))
    assert [fault.split()[1] for fault in found] == ["g", "K"]


@pytest.mark.parametrize("path", ["src/livetally/utils.py", "tests/common/test_it.py"])
def test_an_empty_name_is_found(path: str) -> None:
    """A path part that says nothing is found; the same letters inside a name are not."""
    assert len(list(rules.bad_names(path))) == 1
    assert list(rules.bad_names("src/livetally/store/database.py")) == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /" + "home/someone/livetally",
        "data in '/" + "tmp/x'",
        "--index" + "-url x",
        "from py" + "pi.org",
        "https://unpkg" + ".com/lit",
        "# TO" + "DO later",
    ],
)
def test_a_line_not_for_publication_is_found(line: str) -> None:
    """A folder of one machine, a registry, a content network and open work are found."""
    assert len(list(rules.not_for_publication("a.md", f"fine\n{line}\n"))) == 1


@pytest.mark.parametrize("line", ["src/home/page", "GET /v1/work", "https://a.example/home/it"])
def test_an_ordinary_line_is_left_alone(line: str) -> None:
    """A relative path, a route and an address are no folder of one machine."""
    assert list(rules.not_for_publication("a.md", line)) == []
