import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from example_app import create_app, seed
from example_app.auth import find_user
from example_app.environment import (
    Ports,
    SettingError,
    app_config,
    database_url,
    demo_password,
    keep_secret,
    wants_showcase,
)


def environ(var: Path, **settings: str) -> dict[str, str]:
    return {"VAR_DIR": str(var), **settings}


def test_ports_have_defaults() -> None:
    assert Ports.from_environ({}) == Ports(crm=5000, simulator=5001, valkey=6390)


@pytest.mark.parametrize("value", ["abc", "0", "65536", "-1", "5000.0", "²"])
def test_a_port_that_is_none_is_named_with_its_setting(value: str) -> None:
    with pytest.raises(SettingError, match=r"^SIMULATOR_PORT must be a port number"):
        Ports.from_environ({"SIMULATOR_PORT": value})


def test_two_services_cannot_share_a_port() -> None:
    with pytest.raises(SettingError, match=r"^CRM_PORT and SIMULATOR_PORT are both 5001"):
        Ports.from_environ({"CRM_PORT": "5001"})


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, second = app_config(environ(tmp_path)), app_config(environ(tmp_path))

    for name in ("SECRET_KEY", "MESSENGER_ENCRYPTION_KEYS"):
        assert first[name] == second[name]
    for file in ("secret_key", "encryption_keys"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600


def test_processes_that_start_together_agree_on_a_secret(tmp_path: Path) -> None:
    numbers = iter(range(100))

    with ThreadPoolExecutor(8) as pool:
        kept = set(
            pool.map(
                lambda _: keep_secret(tmp_path / "secret", lambda: str(next(numbers))), range(40)
            )
        )

    assert len(kept) == 1


def test_secrets_of_the_environment_win_and_are_not_kept(tmp_path: Path) -> None:
    config = app_config(environ(tmp_path, SECRET_KEY="s", MESSENGER_ENCRYPTION_KEYS="k1:abc"))

    assert (config["SECRET_KEY"], config["MESSENGER_ENCRYPTION_KEYS"]) == ("s", "k1:abc")
    assert list(tmp_path.iterdir()) == []


def test_with_the_simulator_a_real_meta_app_is_left_aside(tmp_path: Path) -> None:
    config = app_config(environ(tmp_path, META_APP_ID="4242", META_GRAPH_VERSION="v24.0"))

    assert config["META_APP_ID"] == ""
    assert config["META_GRAPH_VERSION"] == "v24.0"
    assert config["MESSENGER_SIMULATOR_URL"] == "http://127.0.0.1:5001"


def test_without_the_simulator_the_same_settings_lead_to_meta(tmp_path: Path) -> None:
    config = app_config(environ(tmp_path, META_APP_ID="4242", MESSENGER_SIMULATOR="off"))

    assert config["META_APP_ID"] == "4242"
    assert "MESSENGER_SIMULATOR_URL" not in config


def test_cookies_are_secure_where_the_public_address_is(tmp_path: Path) -> None:
    config = app_config(environ(tmp_path, MESSENGER_PUBLIC_URL="https://crm.example.com/"))

    assert config["SESSION_COOKIE_SECURE"]
    assert config["MESSENGER_PUBLIC_URL"] == "https://crm.example.com"


@pytest.mark.parametrize("given", ["postgres://u@h/crm", "postgresql://u@h/crm"])
def test_postgres_addresses_get_the_driver_we_install(given: str) -> None:
    assert database_url({"DATABASE_URL": given}) == "postgresql+psycopg://u@h/crm"


def test_the_demo_password_is_not_well_known_where_meta_is_real(tmp_path: Path) -> None:
    real = environ(tmp_path, MESSENGER_SIMULATOR="off")

    assert demo_password(environ(tmp_path)) == "demo"
    assert demo_password(real) == demo_password(real) != "demo"
    assert demo_password({**real, "DEMO_PASSWORD": "mine"}) == "mine"


def test_another_demo_password_replaces_the_old_one(tmp_path: Path) -> None:
    app = create_app({"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/crm.sqlite"})
    assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0

    with app.app_context():
        seed.plant("first")
        seed.plant("second")

        assert find_user("noa@solo.example", "first") is None
        assert find_user("noa@solo.example", "second") is not None


def test_flasks_own_prefix_wins_over_plain_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_GRAPH_VERSION", "v24.0")
    monkeypatch.setenv("FLASK_META_GRAPH_VERSION", "v25.0")

    assert create_app().config["META_GRAPH_VERSION"] == "v25.0"


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, True),
        ({"DEMO_CONVERSATIONS": "off"}, False),
        ({"MESSENGER_SIMULATOR": "off"}, False),  # with the real Meta nobody plays the customers
    ],
)
def test_conversations_are_played_where_meta_is_simulated(
    settings: dict[str, str], *, wanted: bool
) -> None:
    assert wants_showcase(settings) is wanted


def test_files_are_kept_with_everything_else_that_is_written(tmp_path: Path) -> None:
    assert app_config(environ(tmp_path))["MESSENGER_MEDIA_URL"] == f"file://{tmp_path}/media"
