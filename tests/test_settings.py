"""Settings: typed, checked at start-up, and said in one line."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from flask_messenger.errors import ConfigurationError
from flask_messenger.settings import Settings, apps
from flask_messenger.simulator import constants

KEY = "k1:" + base64.b64encode(bytes(32)).decode()
GOOD = {
    "META_APP_ID": "1",
    "META_APP_SECRET": "s3cret",
    "META_VERIFY_TOKEN": "v3rify",
    "MESSENGER_ENCRYPTION_KEYS": KEY,
}


def read(**overrides: Any) -> Settings:
    return Settings.from_config({**GOOD, **overrides}, environ={})


def test_defaults_talk_to_meta() -> None:
    given = read()

    assert given.graph_url == "https://graph.facebook.com"
    assert given.dialog_url == "https://www.facebook.com"
    assert given.graph_version == "v25.0"
    assert given.feature_plans["facebook"] == "plus"


def test_the_environment_fills_what_the_config_does_not_have() -> None:
    given = Settings.from_config(GOOD, environ={"META_GRAPH_VERSION": "v26.0"})

    assert given.graph_version == "v26.0"


def test_every_missing_setting_is_named_in_one_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_config({}, environ={})

    message = str(caught.value)
    assert "\n" not in message
    for name in GOOD:
        assert f"{name} is missing" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("META_GRAPH_VERSION", "25"),
        ("META_GRAPH_URL", "graph.facebook.com"),
        ("META_GRAPH_URL", "https://[graph"),
        ("META_APPS", "[1]"),
        ("META_APPS", "{"),
        ("META_APPS", {"eu": {"app_id": "2"}}),
        ("META_APPS", {"e" * 65: {"app_id": "2", "app_secret": "s", "verify_token": "v"}}),
        (
            "META_APPS",
            {"eu": {"app_id": "2", "app_secret": "s", "verify_token": "v", "speaks_for": "us"}},
        ),
        ("MESSENGER_ENCRYPTION_KEYS", "k1:short"),
        ("MESSENGER_ENCRYPTION_KEYS", f"{KEY},{KEY}"),
        ("MESSENGER_ENCRYPTION_KEYS", KEY.replace("k1", "k 1")),
        ("MESSENGER_PLANS", "free,free"),
        ("MESSENGER_FEATURES", {"facebook": "gold"}),
        ("MESSENGER_FEATURES", {"telepathy": "plus"}),
        ("MESSENGER_GRAPH_TIMEOUT_SECONDS", "soon"),
        ("MESSENGER_GRAPH_TIMEOUT_SECONDS", "nan"),
        ("MESSENGER_WEBHOOK_MAX_BYTES", "0"),
        ("MESSENGER_WEBHOOK_CONNECTIONS", "0"),
        ("MESSENGER_WEBHOOK_DATABASE_SECONDS", "0"),
        ("MESSENGER_WEBHOOK_REFUSALS_A_MINUTE", "0"),
        ("MESSENGER_SPOOL_MAX_BYTES", "-1"),
        ("MESSENGER_SPOOL_REPLICAS", "-1"),
    ],
)
def test_a_malformed_setting_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        read(**{name: value})

    assert "\n" not in str(caught.value)


def test_secrets_are_in_no_repr_and_no_error() -> None:
    shown = repr(read())
    with pytest.raises(ConfigurationError) as caught:
        read(META_GRAPH_VERSION="x", MESSENGER_ENCRYPTION_KEYS="k1:c2hvcnQ=")

    for secret in ("s3cret", "v3rify", KEY, "c2hvcnQ="):
        assert secret not in shown
        assert secret not in str(caught.value)


def test_the_simulator_brings_its_own_values() -> None:
    given = Settings.from_config(
        {"MESSENGER_SIMULATOR_URL": "http://127.0.0.1:5001", "MESSENGER_ENCRYPTION_KEYS": KEY},
        environ={},
    )

    assert given.graph_url == given.dialog_url == "http://127.0.0.1:5001"
    assert given.default_app.app_id == "1000000000000001"
    assert given.default_app.instagram_app_id == "1000000000000002"
    assert given.instagram_graph_url == "http://127.0.0.1:5001/graph.instagram.com"


def test_instagrams_login_has_hosts_and_secrets_of_its_own() -> None:
    given = read(META_INSTAGRAM_APP_ID="7", META_INSTAGRAM_APP_SECRET="igs3cret")

    assert given.instagram_graph_url == "https://graph.instagram.com"
    assert given.instagram_api_url == "https://api.instagram.com"
    assert given.instagram_dialog_url == "https://www.instagram.com"
    app = given.default_app
    assert app.secrets == (*app.facebook_secrets, "igs3cret")
    assert "igs3cret" not in repr(given)


@pytest.mark.parametrize("key", ["META_INSTAGRAM_APP_ID", "META_INSTAGRAM_APP_SECRET"])
def test_half_of_instagrams_login_is_named(key: str) -> None:
    other = {"META_INSTAGRAM_APP_ID", "META_INSTAGRAM_APP_SECRET"} - {key}

    with pytest.raises(ConfigurationError, match=f"{other.pop()} is missing"):
        read(**{key: "7"})


@pytest.mark.parametrize("value", ["a,b", "a b", ["a", "b", "a"]])
def test_permissions_to_ask_for_are_a_list_or_text(value: Any) -> None:
    assert read(META_LOGIN_SCOPES=value).default_app.login_scopes == ("a", "b")


def test_the_simulators_constants_are_the_ones_we_expect() -> None:
    assert (
        apps.SIMULATOR_APP_ID,
        apps.SIMULATOR_APP_SECRET,
        apps.SIMULATOR_VERIFY_TOKEN,
        apps.SIMULATOR_INSTAGRAM_APP_ID,
        apps.SIMULATOR_INSTAGRAM_APP_SECRET,
    ) == (
        constants.APP_ID,
        constants.APP_SECRET,
        constants.VERIFY_TOKEN,
        constants.INSTAGRAM_APP_ID,
        constants.INSTAGRAM_APP_SECRET,
    )


def test_several_apps_by_name() -> None:
    apps = {"eu": {"app_id": "2", "app_secret": "e", "verify_token": "t"}}

    given = read(META_APPS=apps)

    assert set(given.apps) == {"default", "eu"}
    assert given.default_app.app_id == "1"


def test_numbers_from_a_prefixed_environment_are_ids() -> None:
    assert read(META_APP_ID=1000000000000001).default_app.app_id == "1000000000000001"


def test_every_setting_is_in_the_docs() -> None:
    root = Path(apps.__file__).parent
    named = re.compile(r'[(=]\s*"((?:MESSENGER|META)_[A-Z_]+)"')
    keys = {key for path in root.glob("*.py") for key in named.findall(path.read_text())}
    documented = (root.parent.parent / "docs" / "settings.md").read_text()

    assert len(keys) > 50
    assert {key for key in keys if f"`{key}`" not in documented} == set()
