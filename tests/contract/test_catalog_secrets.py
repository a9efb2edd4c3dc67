"""Where secrets must not be found: in the database, in texts for people, in errors.

In the flow: uses every kind of secret through ``Catalog``, then searches what was left behind.
Guarantee: whoever reads the database, a log or an error learns nothing that opens a door.
"""

from __future__ import annotations

import logging
import os
import traceback
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from livetally.errors import LivetallyError, SettingInvalid, StoreFailed, UnknownName
from livetally.store.catalog import Catalog, open_catalog
from livetally.store.catalog.database import open_database
from livetally.store.catalog.tables import keys, metadata
from livetally.tenancy import ALL_SCOPES, DEFAULT_TEAM, SecretText
from livetally.testing.clock import ManualClock

if TYPE_CHECKING:
    from tests.contract.databases import Server

pytest_plugins = ("tests.contract.catalogs",)


def use_everything(catalog: Catalog) -> list[str]:
    """Mint, verify and end one secret of each kind; return the texts and their secret parts."""
    root = SecretText("root-key-with-a-long-secret")
    catalog.set_root_key(root)
    key = catalog.create_key(DEFAULT_TEAM, "console", ALL_SCOPES)
    who = catalog.verify_key(key.text.reveal())
    assert who is not None
    new = catalog.rotate_key(key.record.id, team=None, grace_us=60_000_000)
    session = catalog.create_session(who, 60)
    stream = catalog.create_stream_token(who, 60)
    link = catalog.create_signin_link(new.record.id)
    assert catalog.redeem_signin(link.reveal()) is not None
    texts = [one.reveal() for one in (root, key.text, new.text, session, stream, link)]
    return [*texts, *(text.rpartition("_")[2][:27] for text in texts[1:])]


def test_database_holds_no_secret(catalog: Catalog, url: str) -> None:
    """No column of any row holds a secret or a part of one."""
    secrets = use_everything(catalog)
    with closing(open_database(url)) as database, database.reading() as connection:
        stored = "\n".join(
            str(tuple(row))
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
        )
    assert stored.count("console") >= 2
    assert [secret for secret in secrets if secret in stored] == []


def test_files_hold_no_secret(tmp_path: Path) -> None:
    """Neither the SQLite file nor its journal holds a secret, and nobody else can read them."""
    before = os.umask(0)
    try:
        with closing(open_catalog(tmp_path / "catalog.db", ManualClock())) as opened:
            secrets = use_everything(opened)
    finally:
        os.umask(before)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["catalog.db", "catalog.db-journal"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    held = b"".join(path.read_bytes() for path in files)
    assert [secret for secret in secrets if secret.encode() in held] == []


def test_logs_hold_no_secret(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at its most talkative, no secret is logged."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="sqlalchemy"):
        secrets = use_everything(catalog)
    assert "livetally_sessions" in caplog.text
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_records_show_no_secret(catalog: Catalog) -> None:
    """What the catalog hands out can be printed and logged as it is."""
    key = catalog.create_key(DEFAULT_TEAM, "ci", ALL_SCOPES)
    who = catalog.verify_key(key.text.reveal())
    assert who is not None
    token = catalog.create_session(who, 60)
    shown = f"{key!r} {key} {key.text} {token!r} {who!r} {catalog.verify_session(token.reveal())!r}"
    assert f"<lt_{key.record.id}_…>" in shown
    assert key.text.reveal()[14:] not in shown
    assert token.reveal()[3:] not in shown


def test_key_in_place_of_its_id_is_not_repeated(catalog: Catalog) -> None:
    """Who puts the whole key where its id belongs does not find it in the error."""
    key = catalog.create_key(DEFAULT_TEAM, "ci", ALL_SCOPES).text.reveal()
    with pytest.raises(UnknownName) as refused:
        catalog.revoke_key(key, team=None)
    assert key[14:] not in str(refused.value)


def test_refusal_of_the_database_shows_no_values(catalog: Catalog, url: str) -> None:
    """An error of the database names what happened, not what was to be stored."""
    catalog.set_root_key(SecretText("root"))
    row = {"id": "root", "team_id": 1, "name": "hushed", "hash": "hushed", "scopes": "hushed"}
    with closing(open_database(url)) as database:
        with pytest.raises(StoreFailed) as refused, database.writing() as connection:
            connection.execute(insert(keys), {**row, "operator": True, "created_us": 1})
        assert "hushed" not in "".join(traceback.format_exception(refused.value))
        assert "IntegrityError" in str(refused.value) or "UniqueViolation" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://livetally:PASSWORD@127.0.0.1:1/livetally", StoreFailed),
        ("mariadb://livetally:PASSWORD@127.0.0.1:1/livetally", StoreFailed),
        ("oracle://livetally:PASSWORD@db/livetally", SettingInvalid),
        ("postgresql://livetally:PASSWORD@db:port/livetally", SettingInvalid),
        ("sqlite://", SettingInvalid),
        ("sqlite:////nowhere/PASSWORD-less/catalog.db", StoreFailed),
    ],
)
def test_unusable_url(url: str, error: type[LivetallyError]) -> None:
    """A catalog that can't be reached or named is a clear error without the password."""
    with pytest.raises(error) as refused:
        open_catalog(url, ManualClock())
    assert ":PASSWORD" not in "".join(traceback.format_exception(refused.value))
    assert "atalog" in str(refused.value)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_missing_driver_names_what_to_install(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the database's driver the error says which extra brings it."""
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    monkeypatch.setitem(__import__("sys").modules, "pymysql", None)
    with pytest.raises(SettingInvalid, match=rf"pip install 'livetally\[{kind}\]'"):
        open_catalog(f"{kind}://localhost/livetally", ManualClock())


def test_server_that_went_away(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a server has closed every connection, the next call opens new ones by itself."""
    server: Server = request.getfixturevalue("postgresql_server")
    url = server.make_database("livetally_restarted")
    with closing(open_catalog(url, ManualClock())) as opened:
        with closing(open_database(url)) as database, database.writing() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert opened.find_team("default") is not None
