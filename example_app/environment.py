"""Where the example's settings come from: the environment, with a default for each.

The web, the worker, the commands and `run.py` all read this one file, so
`flask --app example_app …` in a second terminal sees the same database and the same Valkey.
"""

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LOCAL_HOST: Final = "127.0.0.1"
MAX_PORT: Final = 65_535
DEMO_PASSWORD: Final = "demo"
REAL_META_SETTINGS: Final = (
    "META_APP_ID",
    "META_APP_SECRET",
    "META_APP_SECRET_PREVIOUS",
    "META_VERIFY_TOKEN",
    "META_LOGIN_CONFIG_ID",
    "META_APPS",
    "META_GRAPH_URL",
    "META_DIALOG_URL",
)
"""Settings that name a real Meta app. With the simulator on they are left aside."""


class SettingError(Exception):
    """A setting of the example is wrong; the message names it and says what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The three ports the example listens on."""

    crm: int
    simulator: int
    valkey: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Ports":
        """Read the ports.

        Raises:
            SettingError: one is not a port number, or two are the same.
        """
        ports = cls(
            crm=_read_port(environ, "CRM_PORT", 5000),
            simulator=_read_port(environ, "SIMULATOR_PORT", 5001),
            valkey=_read_port(environ, "VALKEY_PORT", 6390),
        )
        by_number: dict[int, str] = {}
        for setting, port in ports.by_setting().items():
            if port in by_number:
                raise SettingError(f"{by_number[port]} and {setting} are both {port}.")
            by_number[port] = setting
        return ports

    def by_setting(self) -> dict[str, int]:
        """Return each port under the name of the setting that changes it."""
        return {
            "CRM_PORT": self.crm,
            "SIMULATOR_PORT": self.simulator,
            "VALKEY_PORT": self.valkey,
        }


def _read_port(environ: Mapping[str, str], setting: str, default: int) -> int:
    value = environ.get(setting) or str(default)
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= MAX_PORT:
        raise SettingError(f"{setting} must be a port number from 1 to {MAX_PORT}, not {value!r}.")
    return int(value)


def var_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder for everything the example writes: VAR_DIR, else `var` here."""
    return Path(environ.get("VAR_DIR") or "var").resolve()


def uses_simulator(environ: Mapping[str, str]) -> bool:
    """Say whether the simulated Meta is used; MESSENGER_SIMULATOR=off means the real one."""
    return _is_on(environ, "MESSENGER_SIMULATOR")


def wants_showcase(environ: Mapping[str, str]) -> bool:
    """Say whether the demo is filled with conversations; DEMO_CONVERSATIONS=off leaves it empty."""
    return uses_simulator(environ) and _is_on(environ, "DEMO_CONVERSATIONS")


def _is_on(environ: Mapping[str, str], setting: str) -> bool:
    return environ.get(setting, "on").lower() not in {"0", "false", "no", "off"}


def crm_url(environ: Mapping[str, str]) -> str:
    """Return the address people and Meta reach the CRM at, without a slash at its end."""
    local = f"http://{LOCAL_HOST}:{Ports.from_environ(environ).crm}"
    return (environ.get("MESSENGER_PUBLIC_URL") or local).rstrip("/")


def simulator_url(environ: Mapping[str, str]) -> str:
    """Return the address of the simulated Meta."""
    return f"http://{LOCAL_HOST}:{Ports.from_environ(environ).simulator}"


def demo_password(environ: Mapping[str, str]) -> str:
    """Return the password of the demo log-ins.

    A CRM that talks to the real Meta is reachable from outside, so there the password is
    DEMO_PASSWORD, or one made up once and kept.
    """
    if environ.get("DEMO_PASSWORD"):
        return environ["DEMO_PASSWORD"]
    if uses_simulator(environ):
        return DEMO_PASSWORD
    return keep_secret(var_dir(environ) / "demo_password", lambda: secrets.token_urlsafe(12))


def app_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the configuration of the Flask application."""
    var = var_dir(environ)
    public_url = crm_url(environ)
    config: dict[str, Any] = {
        "SECRET_KEY": environ.get("SECRET_KEY") or keep_secret(var / "secret_key", _make_token),
        # Cookies do not know ports: the simulator, on the same host, must have another name.
        "SESSION_COOKIE_NAME": "crm_session",
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": public_url.startswith("https://"),
        "SQLALCHEMY_DATABASE_URI": database_url(environ),
        "MESSENGER_BASE_TEMPLATE": "base.html",
        "MESSENGER_MEDIA_URL": f"file://{var / 'media'}",
        "MESSENGER_PLANS": "free,plus,pro",
        "MESSENGER_REDIS_URL": f"redis://{LOCAL_HOST}:{Ports.from_environ(environ).valkey}/0",
    }
    config.update(
        (name, value) for name, value in environ.items() if name.startswith(("META_", "MESSENGER_"))
    )
    config["MESSENGER_PUBLIC_URL"] = public_url
    if not config.get("MESSENGER_ENCRYPTION_KEYS"):
        config["MESSENGER_ENCRYPTION_KEYS"] = keep_secret(var / "encryption_keys", _make_key)
    if uses_simulator(environ):
        config.update(dict.fromkeys(REAL_META_SETTINGS, ""))
        config["MESSENGER_SIMULATOR_URL"] = simulator_url(environ)
    return config


def database_url(environ: Mapping[str, str]) -> str:
    """Return DATABASE_URL with the driver we install, else a SQLite file."""
    url = environ.get("DATABASE_URL") or f"sqlite:///{var_dir(environ) / 'crm.sqlite'}"
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret kept in `path`, making it first where there is none.

    The file is complete before it has its name, so processes that start together agree on it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # for the owner alone, from birth
        draft = Path(name)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(make())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)  # where another process was first, its secret counts
        draft.unlink()
    return path.read_text(encoding="ascii").strip()


def _make_token() -> str:
    return secrets.token_urlsafe(32)


def _make_key() -> str:
    return "local:" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
