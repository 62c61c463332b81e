"""The apps of Meta's App Dashboard, and how they are named in the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.settings.reader import Reader, optional

SIMULATOR_APP_ID: Final = "1000000000000001"
SIMULATOR_APP_SECRET: Final = "simulator-app-secret"  # noqa: S105 - published, opens nothing real
SIMULATOR_VERIFY_TOKEN: Final = "simulator-verify-token"  # noqa: S105 - published, as above
SIMULATOR_INSTAGRAM_APP_ID: Final = "1000000000000002"
SIMULATOR_INSTAGRAM_APP_SECRET: Final = "simulator-instagram-app-secret"  # noqa: S105 - published
APP_NAME_LENGTH: Final = 64
"""Journal and accounts keep the name of an app in a column of this length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaApp:
    """One app in Meta's App Dashboard. `name` is ours; accounts remember it.

    Its Instagram product has an id and a secret of its own, for Instagram's own login.
    """

    name: str
    app_id: str
    app_secret: str = field(repr=False)
    app_secret_previous: str | None = field(default=None, repr=False)
    verify_token: str = field(repr=False)
    login_config_id: str | None = None
    login_scopes: tuple[str, ...] | None = None
    """The permissions Facebook's dialog asks for; None for all that the channels make use of."""
    instagram_app_id: str | None = None
    instagram_app_secret: str | None = field(default=None, repr=False)
    instagram_app_secret_previous: str | None = field(default=None, repr=False)
    speaks_for: tuple[str, ...] = ()
    """Other apps of ours for whose accounts this one's deliveries count too."""

    @property
    def facebook_secrets(self) -> tuple[str, ...]:
        """The secrets of the app itself: the current one, then one rotated out."""
        return _given(self.app_secret, self.app_secret_previous)

    @property
    def instagram_secrets(self) -> tuple[str, ...]:
        """The secrets of its Instagram product, in the same order."""
        return _given(self.instagram_app_secret, self.instagram_app_secret_previous)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All the secrets that a delivery may be signed with.

        Which one signs for accounts of Instagram's own login, Meta does not say for every setup.
        """
        return self.facebook_secrets + self.instagram_secrets


def read_apps(reader: Reader, *, simulated: bool) -> dict[str, MetaApp]:
    """Read `META_APPS` and the single app of the plain `META_*` keys, which is named `default`."""
    named = reader.mapping("META_APPS")
    plain = {
        "app_id": reader.raw("META_APP_ID"),
        "app_secret": reader.raw("META_APP_SECRET"),
        "app_secret_previous": reader.raw("META_APP_SECRET_PREVIOUS"),
        "verify_token": reader.raw("META_VERIFY_TOKEN"),
        "login_config_id": reader.raw("META_LOGIN_CONFIG_ID"),
        "login_scopes": reader.raw("META_LOGIN_SCOPES"),
        "instagram_app_id": reader.raw("META_INSTAGRAM_APP_ID"),
        "instagram_app_secret": reader.raw("META_INSTAGRAM_APP_SECRET"),
        "instagram_app_secret_previous": reader.raw("META_INSTAGRAM_APP_SECRET_PREVIOUS"),
    }
    if simulated:
        plain["app_id"] = plain["app_id"] or SIMULATOR_APP_ID
        plain["app_secret"] = plain["app_secret"] or SIMULATOR_APP_SECRET
        plain["verify_token"] = plain["verify_token"] or SIMULATOR_VERIFY_TOKEN
        if not plain["instagram_app_id"]:
            plain["instagram_app_id"] = SIMULATOR_INSTAGRAM_APP_ID
            plain["instagram_app_secret"] = SIMULATOR_INSTAGRAM_APP_SECRET
    if any(plain.values()) or not named:
        named = {"default": plain, **named}
    for name in named:
        if len(name) > APP_NAME_LENGTH:
            reader.problem("META_APPS", f"has a name of more than {APP_NAME_LENGTH} characters")
    return {name: _read_app(reader, name, values) for name, values in named.items()}


def _read_app(reader: Reader, name: str, values: Any) -> MetaApp:
    given = values if isinstance(values, Mapping) else {}
    for key in ("app_id", "app_secret", "verify_token"):
        if not given.get(key):
            plain = f"META_{key.upper()}"
            reader.problem(plain if name == "default" else f"META_APPS[{name}].{key}", "is missing")
    has_id, has_secret = given.get("instagram_app_id"), given.get("instagram_app_secret")
    if bool(has_id) != bool(has_secret):
        key = "instagram_app_secret" if has_id else "instagram_app_id"
        plain = f"META_{key.upper()}"
        reader.problem(plain if name == "default" else f"META_APPS[{name}].{key}", "is missing")
    return MetaApp(
        name=name,
        app_id=str(given.get("app_id") or ""),
        app_secret=str(given.get("app_secret") or ""),
        app_secret_previous=optional(given.get("app_secret_previous")),
        verify_token=str(given.get("verify_token") or ""),
        login_config_id=optional(given.get("login_config_id")),
        login_scopes=_read_scopes(given.get("login_scopes")),
        instagram_app_id=optional(has_id),
        instagram_app_secret=optional(has_secret),
        instagram_app_secret_previous=optional(given.get("instagram_app_secret_previous")),
        speaks_for=_read_speaks_for(reader, name, given.get("speaks_for")),
    )


def _read_scopes(value: Any) -> tuple[str, ...] | None:
    """Return the names in a list, or in text with commas or spaces; None where there are none."""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    return tuple(dict.fromkeys(text.replace(",", " ").split())) or None


def _read_speaks_for(reader: Reader, name: str, value: Any) -> tuple[str, ...]:
    names = [] if value is None else value
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        reader.problem(f"META_APPS[{name}].speaks_for", "must be a list of names of other apps")
        return ()
    return tuple(names)


def _given(*values: str | None) -> tuple[str, ...]:
    return tuple(each for each in values if each)
