"""The command line as a whole: exit codes, messages, and what its table of commands promises."""

from __future__ import annotations

import importlib
import inspect
import sys

import pytest

from livetally.cli import entry, serve
from livetally.cli.commands import COMMANDS, Command
from livetally.cli.entry import main
from livetally.cli.inputs import require_time_format
from livetally.errors import (
    BadInput,
    DefinitionProblem,
    Forbidden,
    InvalidDefinition,
    LivetallyError,
    Unauthenticated,
)
from livetally.settings import Settings


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a command ``fail`` that raises."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(sys.modules[__name__], "fail", fail, raising=False)
    command = Command("fail", f"{__name__}:fail", "Fail.")
    monkeypatch.setattr(entry, "COMMANDS", (*COMMANDS, command))


@pytest.mark.parametrize("words", [["--help"], ["--version"], [], ["send", "--help"]], ids=str)
def test_asking_for_help_or_the_version_succeeds(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is on standard output, and the exit code is 0."""
    assert main(words) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sned"], "there is no command 'sned'; did you mean 'send'?"),
        (["xyzzy"], "there is no command 'xyzzy'."),
        (["query"], "METRIC"),
        (["query", "taps", "--nosuch"], "--nosuch"),
        (["query", "taps", "--limit", "many"], "many"),
        (["serve", "--port", "http"], "http"),
        (["keys"], ""),
        (["keys", "lend"], "lend"),
        (["keys", "create"], "--scope"),
        (["import", "a.csv"], "--type"),
        (["import", "a.csv", "--type", "t", "--types", "a=money"], "--types"),
        (["import", "a.csv", "--type", "t", "--encoding", "martian"], "martian"),
        (["import", "a.csv", "--type", "t", "--delimiter", "ab"], "--delimiter"),
        (["import", "-", "--type", "t", "--delimiter", '"'], "--delimiter"),
        (["map", "-", "--with", "a.toml", "--encoding", "hex"], "'hex'"),
        (["send", "a.jsonl", "--subject", "x"], "--subject"),
        (["send", "a.jsonl", "--type", "x"], "--type"),
        (["send", "--type", "t", "--data", "{"], "--data"),
        (["send", "--bogus"], "--bogus"),
        (["send", "a.jsonl", "-x"], "-x"),
        (["import", "--type", "t", "--bogus"], "--bogus"),
        (["check"], "FILE"),
        (["watch", "taps", "--updates", "0"], "--updates"),
        (["query", ""], "METRIC"),
        (["watch", ""], "METRIC"),
        (["watch", "--entity", ""], "--entity"),
        (["watch", "--entity", "user", "--one", ""], "--one"),
        (["sources", "start", ""], "NAME"),
        (["sources", "schedule", "", "--reset"], "NAME"),
        (["sinks", "rebuild", ""], "NAME"),
        (["teams", "set", "", "--no-origins"], "NAME"),
        (["teams", "create", ""], "NAME"),
        (["keys", "revoke", ""], "KEY_ID"),
        (["keys", "rotate", ""], "KEY_ID"),
        (["alerts", "changes", ""], "NAME"),
        (["erase", "", "--yes"], "SUBJECT"),
        (["send", "--type", ""], "--type"),
        (["send", "--type", "t", "--data", r'{"a":"\ud800"}'], r"\ud800 is half of a character"),
        (["send", "--type", "t", "--data", r'{"\udc00":1}'], r"\udc00 is half of a character"),
        (["send", "--type", "t", "--patience", "nan"], "--patience"),
        (["send", "--type", "t", "--patience", "-5"], "--patience"),
        (["send", "."], "'livetally import' reads those"),
        (["send", "a.csv"], "'livetally import' reads CSV"),
        (["send", "a.tsv.gz"], "'livetally import' reads CSV"),
        (["import", "a.csv", "--type", ""], "--type"),
        (["import", "a.csv", "--type", "t", "--patience", "-1"], "--patience"),
        (["import", "a.csv", "--type", "t", "--time-format", "hours"], "'hours'"),
        (["import", "a.csv", "--type", "t", "--time-format", "100%%"], "'100%%'"),
        (["import", "a.csv", "--type", "t", "--time-format", "%Q"], "'%Q'"),
        (["import", "a.csv", "--type", "t", "--time-format", "%H %H"], "'%H %H'"),
        (["move", "--from", "d", "--patience", "nan"], "--patience"),
    ],
    ids=str,
)
def test_a_wrong_call_is_code_2_and_says_what_is_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with the way to the help; never a trace."""
    expected = 0 if words == ["keys"] else 2
    assert main(words) == expected
    if expected:
        printed = capsys.readouterr().err
        assert said in printed
        assert "--help" in printed
        assert "Traceback" not in printed


@pytest.mark.parametrize(
    "words",
    [
        ["query", "\udcff"],
        ["query", "taps", "--where", "a:1", "--where", "subject:\udcff"],
        ["query", "taps", "--team", "\udcff"],
        ["watch", "--entity", "user", "--one", "\udcff"],
        ["send", "--type", "t", "--data", '{"a":"\udcff"}'],
        ["import", "a.csv", "--type", "t", "--null", "\udcff"],
        ["verify", "taps", "\udcff"],
        ["teams", "create", "\udcff"],
        ["serve", "--set", "log=\udcff"],
        ["backup", "\udcff"],
    ],
    ids=ascii,
)
def test_an_argument_that_is_no_text_is_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of every command; the byte is shown."""
    assert main(words) == 2
    assert r"\xff" in (said := capsys.readouterr().err)
    assert "is no text" in said


def test_a_key_that_is_no_text_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the option is named."""
    assert main(["query", "taps", "--key", "lt_verysecret\udcff"]) == 2
    said = capsys.readouterr().err
    assert "--key is no text" in said
    assert "verysecret" not in said


@pytest.mark.parametrize(
    "form",
    ["iso", "s", "ms", "us", "%d.%m.%Y %H:%M", "%Y%m%d", "%H:%M:%S.%f%z", "%a %j %Z", "%%%y"],
)
def test_a_time_format_that_can_be_read_is_taken(form: str) -> None:
    """Words, and patterns of strptime."""
    require_time_format(form)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LivetallyError("It is broken."), "It is broken."),
        (BadInput("tz", "no such zone"), "tz: no such zone"),
        (Unauthenticated(None), "--key or LIVETALLY_KEY"),
        (Forbidden(None), "livetally keys create"),
        (KeyboardInterrupt(), "stopped"),
        (ValueError("oops"), "defect"),
    ],
    ids=repr,
)
def test_a_failure_is_code_1_and_says_what_to_do(
    error: BaseException,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is raised ends in one message."""
    raising(error, monkeypatch)
    assert main(["fail"]) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert "Traceback" not in printed


def test_every_mistake_of_a_definition_is_on_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line, key and reason, as editors read them."""
    problems = (DefinitionProblem(3, "metric.a", "is odd"), DefinitionProblem(7, "b", "is even"))
    raising(InvalidDefinition("shop.toml", problems), monkeypatch)
    assert main(["fail"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["shop.toml:3: metric.a: is odd", "shop.toml:7: b: is even"]


def test_a_message_never_holds_the_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not when the call is wrong, not in the help, not when the server can't be reached."""
    monkeypatch.setenv("LIVETALLY_KEY", "lt_verysecret")
    for words in (
        ["query"],
        ["query", "--help"],
        ["query", "taps", "--url", "http://127.0.0.1:9"],
        ["query", "taps", "--limit", "x"],
        ["query", "taps", "--url", "nonsense"],
        ["query", "taps", "--key", "lt_verysecret\n"],
    ):
        main(words)
        captured = capsys.readouterr()
        assert "verysecret" not in captured.out + captured.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_of_the_table_is_there(command: Command) -> None:
    """Its module can be imported, and its help begins with a sentence."""
    module, _, attribute = command.path.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))
    assert command.help.split("\n\n")[0].endswith(".")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What ``serve`` would have started."""
    started: list[Settings] = []

    def fake_serve(settings: Settings) -> int:
        started.append(settings)
        return 0

    monkeypatch.setattr("livetally.server.run.serve", fake_serve)
    return started


def test_the_options_of_serve_are_settings() -> None:
    """An option that means no setting would be noticed; the secret is none."""
    options = set(inspect.signature(serve.serve).parameters) - {"further"}
    assert options <= set(Settings.__struct_fields__) - {"root_key"}


def test_serve_passes_on_only_what_is_given(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment decides about the rest; the command line wins."""
    monkeypatch.setenv("LIVETALLY_PORT", "1234")
    monkeypatch.setenv("LIVETALLY_HOST", "127.0.0.9")
    words = ["serve", "--host", "127.0.0.2", "--definitions", "a.toml", "--definitions", "b.toml"]
    assert main([*words, "--set", "query_threads=2"]) == 0
    (settings,) = served
    assert (settings.host, settings.port, settings.query_threads) == ("127.0.0.2", 1234, 2)
    assert settings.definitions == ("a.toml", "b.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("query_thread=2", "did you mean 'query_threads'?"),
        ("query_threads", "NAME=VALUE"),
        ("root_key=x", "LIVETALLY_ROOT_KEY"),
        ("port=1", "no setting is called 'port'"),
    ],
    ids=str,
)
def test_a_setting_that_serve_does_not_know_is_wrong_usage(
    text: str, said: str, served: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the nearest one; the secret is refused on the command line."""
    assert main(["serve", "--set", text]) == 2
    assert said in capsys.readouterr().err
    assert served == []


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["serve", "--catalog", "postgresql://u:hidden@h/d"], "LIVETALLY_CATALOG"),
        (["serve", "--set", "smtp_url=smtps://u:hidden@h"], "LIVETALLY_SMTP_URL"),
        (["serve", "--set", "nats=nats://hidden@h"], "LIVETALLY_NATS"),
        (["serve", "--set", "log=nats://hidden@h"], "LIVETALLY_LOG"),
        (["serve", "--set", "store=clickhouse://u:hidden@h"], "LIVETALLY_STORE"),
        (["doctor", "--catalog", "mariadb://u:hidden@h/d"], "LIVETALLY_CATALOG"),
        (["restore", "there", "--catalog", "postgresql://u:hidden@h/d"], "LIVETALLY_CATALOG"),
        (["worker", "--nats", "nats://u:hidden@h"], "LIVETALLY_NATS"),
        (["migrate", "--set", "log=nats://hidden@h"], "LIVETALLY_LOG"),
        (["move", "--from", "d", "--to", "clickhouse://u:hidden@h"], "LIVETALLY_STORE"),
    ],
    ids=lambda one: one if isinstance(one, str) else "-".join(one[:2]),
)
def test_a_secret_on_the_command_line_is_refused(
    words: list[str], instead: str, served: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every user of the machine could read it; the error does not repeat it."""
    assert main(words) == 2
    said = capsys.readouterr().err
    assert instead in said.replace("\n", " ")
    assert "hidden" not in said
    assert served == []


def test_a_catalog_without_a_password_may_be_an_option(served: list[Settings]) -> None:
    """A name alone is no secret."""
    assert main(["serve", "--catalog", "postgresql://u@h/d"]) == 0
    assert served[0].catalog == "postgresql://u@h/d"


def test_a_setting_that_can_not_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1: the call was right, the environment is not."""
    monkeypatch.setenv("LIVETALLY_PORT", "http")
    assert main(["serve"]) == 1
    assert "LIVETALLY_PORT" in capsys.readouterr().err
