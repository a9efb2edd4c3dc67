"""Settings that can't be used are refused by name, and none of them shows a secret.

In the flow: calls ``settings`` without files.
Guarantee: a representation, which may end in a log, holds neither the root key nor a password.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livetally.errors import SettingInvalid
from livetally.settings import Settings, load_settings

NOWHERE = Path("/nonexistent")


def test_a_representation_holds_no_secret() -> None:
    """The root key is only said to be set; the catalog's address is shown without its password."""
    shown = repr(
        Settings(root_key="topsecret", catalog="postgresql://ada:hunter2@db.example:5432/lt")
    )
    assert "topsecret" not in shown
    assert "hunter2" not in shown
    assert "root_key='set'" in shown
    assert "ada:***@db.example:5432/lt" in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("queries_per_hour", 0),
        ("failed_keys_per_minute", 0),
        ("key_events_per_second", -1),
        ("key_streams_max", 0),
        ("stream_token_s_max", 0),
        ("tls_cert", "only.pem"),
        ("tls_key", "only.pem"),
        ("port", 65_536),
        ("log_level", "loud"),
    ],
)
def test_a_value_that_cant_be_obeyed_is_refused_by_name(name: str, value: object) -> None:
    """The message names the setting as it stands in the environment."""
    with pytest.raises(SettingInvalid, match=f"LIVETALLY_{name.upper()}"):
        load_settings({name: value}, NOWHERE)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"sources_on": "workers"}, "LIVETALLY_SOURCES_ON=workers needs LIVETALLY_NATS"),
        ({"sources_on": "elsewhere"}, "must be server, workers or nowhere"),
        ({"nats_prefix": "a..b"}, "LIVETALLY_NATS_PREFIX must be names with dots"),
        ({"nats_prefix": "a.>"}, "LIVETALLY_NATS_PREFIX must be names with dots"),
        ({"worker_silence_s_max": 0}, "LIVETALLY_WORKER_SILENCE_S_MAX must be 1 or more"),
    ],
    ids=str,
)
def test_workers_need_a_place_to_meet(tmp_path: Path, values: dict[str, Any], told: str) -> None:
    """What no worker could be reached by is refused at start."""
    with pytest.raises(SettingInvalid) as refused:
        load_settings(values, tmp_path)
    assert told in refused.value.message


def test_what_is_secret_in_the_brokers_address_is_not_shown() -> None:
    """Neither a password nor a token."""
    for secret in ("user:hunter2", "hunter2"):
        shown = repr(Settings(nats=f"nats://{secret}@one:4222,nats://{secret}@two:4222"))
        assert "hunter2" not in shown
        assert "nats://***@one:4222" in shown


@pytest.mark.parametrize(
    "catalog",
    [
        "postgresql://u:sec/ret@h/d",
        "postgresql://u:sec@ret@h:5432/d",
        "mariadb://h/d?user=u&password=secret&x=1",
    ],
)
def test_a_password_of_any_letters_is_not_shown(catalog: str) -> None:
    """Also with letters that have to be escaped in an address, and as a parameter."""
    shown = repr(Settings(catalog=catalog))
    assert "sec" not in shown.split("catalog=")[1].split(",")[0]
    assert "ret" not in shown.split("catalog=")[1].split(",")[0]
