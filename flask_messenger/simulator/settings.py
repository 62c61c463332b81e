"""Every setting of the simulator, typed, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULTS: dict[str, str] = {
    "SIMULATOR_HOST": "127.0.0.1",
    "SIMULATOR_PORT": "5001",
    "SIMULATOR_DATABASE": "./var/simulator.sqlite",
    "SIMULATOR_CALLBACK_URL": "http://127.0.0.1:5000/webhooks/meta",
    "SIMULATOR_REDIRECT_URI": "http://127.0.0.1:5000/api/integrations/meta/callback",
    "SIMULATOR_DEAUTHORIZE_URL": "http://127.0.0.1:5000/api/integrations/meta/deauthorize",
    "SIMULATOR_DATA_DELETION_URL": "http://127.0.0.1:5000/api/integrations/meta/data-deletion",
    "SIMULATOR_INSTAGRAM_DEAUTHORIZE_URL": (
        "http://127.0.0.1:5000/api/integrations/meta/instagram/deauthorize"
    ),
    "SIMULATOR_INSTAGRAM_DATA_DELETION_URL": (
        "http://127.0.0.1:5000/api/integrations/meta/instagram/data-deletion"
    ),
    "SIMULATOR_SPEED": "1",
    "SIMULATOR_PUBLIC_URL": "",
    "SIMULATOR_FETCH_ATTACHMENTS": "1",
}


class SimulatorSettingError(ValueError):
    """A setting has a value that cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """What one simulator was started with.

    `speed` divides every waiting time of the webhook sender: at 60, Meta's hour
    of retries is a minute.
    """

    host: str
    port: int
    database: Path
    callback_url: str
    redirect_uris: tuple[str, ...]
    deauthorize_url: str
    data_deletion_url: str
    instagram_deauthorize_url: str
    instagram_data_deletion_url: str
    speed: float
    base_url: str
    fetches_attachments: bool

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> SimulatorSettings:
        """Take each setting from `values`, else from the environment, else its default.

        Raises:
            SimulatorSettingError: a number is not a number, or out of range.
        """
        found = {
            name: str(values.get(name, os.environ.get(name, default)))
            for name, default in DEFAULTS.items()
        }
        host = found["SIMULATOR_HOST"]
        port = int(_number(found, "SIMULATOR_PORT", lowest=0, highest=65535))
        shown_host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104
        return cls(
            host=host,
            port=port,
            database=Path(found["SIMULATOR_DATABASE"]),
            callback_url=found["SIMULATOR_CALLBACK_URL"],
            redirect_uris=tuple(found["SIMULATOR_REDIRECT_URI"].replace(",", " ").split()),
            deauthorize_url=found["SIMULATOR_DEAUTHORIZE_URL"],
            data_deletion_url=found["SIMULATOR_DATA_DELETION_URL"],
            instagram_deauthorize_url=found["SIMULATOR_INSTAGRAM_DEAUTHORIZE_URL"],
            instagram_data_deletion_url=found["SIMULATOR_INSTAGRAM_DATA_DELETION_URL"],
            speed=_number(found, "SIMULATOR_SPEED", lowest=0.001, highest=1_000_000),
            base_url=found["SIMULATOR_PUBLIC_URL"].rstrip("/") or f"http://{shown_host}:{port}",
            fetches_attachments=found["SIMULATOR_FETCH_ATTACHMENTS"].lower()
            not in {"0", "false", "no"},
        )


def _number(found: Mapping[str, str], name: str, *, lowest: float, highest: float) -> float:
    try:
        value = float(found[name])
    except ValueError as error:
        raise SimulatorSettingError(f"{name} must be a number, not {found[name]!r}.") from error
    if not lowest <= value <= highest:
        raise SimulatorSettingError(f"{name} must be between {lowest:g} and {highest:g}.")
    return value
