"""Every setting, typed, with its default. Nothing else reads configuration or environment."""

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from flask_messenger.errors import ConfigurationError

FEATURES: Final = (
    "analytics",
    "facebook",
    "flows",
    "instagram",
    "marketing",
    "templates",
    "whatsapp",
)
DEFAULT_PLANS: Final = ("free", "plus", "pro")
DEFAULT_FEATURE_PLANS: Final[Mapping[str, str]] = {
    "analytics": "plus",
    "facebook": "plus",
    "flows": "pro",
    "instagram": "plus",
    "marketing": "pro",
    "templates": "plus",
    "whatsapp": "pro",
}
SIMULATOR_APP_ID: Final = "1000000000000001"
SIMULATOR_APP_SECRET: Final = "simulator-app-secret"  # noqa: S105 - published, opens nothing real
SIMULATOR_VERIFY_TOKEN: Final = "simulator-verify-token"  # noqa: S105 - published, as above
SIMULATOR_INSTAGRAM_APP_ID: Final = "1000000000000002"
SIMULATOR_INSTAGRAM_APP_SECRET: Final = "simulator-instagram-app-secret"  # noqa: S105 - published
ENCRYPTION_KEY_BYTES: Final = 32
APP_NAME_LENGTH: Final = 64
"""Journal and accounts keep the name of an app in a column of this length."""
DEFAULT_PROCESSES: Final[Mapping[str, int]] = {"ingest": 1, "outbox": 1, "default": 2, "bulk": 2}
"""Of one host's worker, by queue group. Two where one workspace gets half of them."""
MAX_PROCESSES: Final = 64
MEBIBYTE: Final = 1024 * 1024
META_MEDIA_HOSTS: Final = (
    "*.fbcdn.net",
    "*.cdninstagram.com",
    "lookaside.fbsbx.com",
    "*.fbsbx.com",
)
"""Where Meta serves the files of messages."""
FETCHED_BYTES: Final[Mapping[str, int]] = {
    "audio": 25 * MEBIBYTE,
    "file": 100 * MEBIBYTE,
    "image": 25 * MEBIBYTE,
    "video": 100 * MEBIBYTE,
}
"""The largest files of people that are kept, by type."""
UPLOADED_BYTES: Final[Mapping[str, int]] = {
    "audio": 25 * MEBIBYTE,
    "file": 25 * MEBIBYTE,
    "image": 8 * MEBIBYTE,
    "video": 25 * MEBIBYTE,
}
"""The largest files Meta takes from us, by type."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """How files are fetched, kept and served. Sizes are in bytes.

    Attributes:
        url: where they are kept, for fsspec, such as `s3://bucket/prefix`; None for a folder
            beside the application's other files.
        options: for fsspec, such as `endpoint_url` of another S3.
        hosts: where files may be fetched from; `*.` stands for any number of names.
        fetched_bytes: the largest file that is fetched, by type.
        uploaded_bytes: the largest file that is taken from agents, by type.
        quota_bytes: what the uploads of one workspace may take up together; 0 for no limit.
        fetch_seconds: how long a file may take from the first look-up to the last byte.
        max_attempts: how often a file is tried before it counts as failed.
        max_pixels: of a picture of which a thumbnail is made.
        link_seconds: how long a link to a file opens it, at least.
        upload_hours: how long an upload that was not sent is kept.
        reusable_days: how long an id of Meta's for an uploaded file is used; Meta says 90.
    """

    url: str | None = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    hosts: tuple[str, ...]
    fetched_bytes: Mapping[str, int]
    uploaded_bytes: Mapping[str, int]
    quota_bytes: int
    fetch_seconds: float
    max_attempts: int
    max_pixels: int
    link_seconds: int
    upload_hours: float
    reusable_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one application runs with. Durations are in seconds unless they say days.

    Sizes are in bytes. `attachment_days` 0 keeps what is known of attachments for ever, and
    `backfill_days` 0 fetches an account's past only where somebody asks for it.
    """

    apps: Mapping[str, MetaApp]
    graph_version: str
    graph_url: str
    dialog_url: str
    instagram_graph_url: str
    instagram_api_url: str
    instagram_dialog_url: str
    simulator_url: str | None
    encryption_keys: tuple[tuple[str, bytes], ...] = field(repr=False)
    redis_url: str = field(repr=False)
    public_url: str | None
    base_template: str
    plans: tuple[str, ...]
    feature_plans: Mapping[str, str]
    graph_timeout_seconds: float
    webhook_max_bytes: int
    webhook_connections: int
    webhook_database_seconds: float
    webhook_refusals_a_minute: int
    spool_max_bytes: int
    spool_replicas: int
    drain_batch_size: int
    drain_threads: int
    window_margin_seconds: int
    bot_pause_hours: float
    send_max_attempts: int
    sending_unknown_after_seconds: int
    outbox_threads: int
    account_sends_per_second: int
    account_media_per_second: int
    app_sends_per_second: int
    usage_slow_from_percent: float
    usage_pause_from_percent: float
    breaker_failures: int
    worker_processes: Mapping[str, int]
    workspace_share: float
    bulk_jobs_per_workspace: int
    lag_alert_seconds: int
    metrics_token: str | None = field(repr=False)
    subscription_check_seconds: int
    token_check_seconds: int
    expiry_warning_days: int
    backfill_days: int
    profile_days: int
    stream_seconds: int
    journal_days: int
    attachment_days: int
    export_days: int
    media: MediaSettings

    @property
    def default_app(self) -> MetaApp:
        """The app new connections go through: the one named `default`, else the first."""
        return self.apps.get("default") or next(iter(self.apps.values()))

    @property
    def speaks_for(self) -> Mapping[str, frozenset[str]]:
        """For the accounts of which other apps each app's deliveries count."""
        return {name: frozenset(app.speaks_for) for name, app in self.apps.items()}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], environ: Mapping[str, str] | None = None
    ) -> "Settings":
        """Read `config` (an application's), falling back to `environ` key by key.

        Raises:
            ConfigurationError: one line that names every setting that is missing or malformed.
        """
        reader = _Reader(config, os.environ if environ is None else environ)
        simulator_url = reader.url("MESSENGER_SIMULATOR_URL", None)
        plans = reader.names("MESSENGER_PLANS", DEFAULT_PLANS)
        settings = cls(
            apps=_read_apps(reader, simulated=simulator_url is not None),
            graph_version=reader.matching("META_GRAPH_VERSION", "v25.0", r"v\d+\.\d+"),
            graph_url=reader.url("META_GRAPH_URL", simulator_url or "https://graph.facebook.com"),
            dialog_url=reader.url("META_DIALOG_URL", simulator_url or "https://www.facebook.com"),
            instagram_graph_url=_read_instagram_url(reader, "GRAPH", "graph", simulator_url),
            instagram_api_url=_read_instagram_url(reader, "API", "api", simulator_url),
            instagram_dialog_url=_read_instagram_url(reader, "DIALOG", "www", simulator_url),
            simulator_url=simulator_url,
            encryption_keys=_read_keys(reader),
            redis_url=reader.text("MESSENGER_REDIS_URL", "redis://127.0.0.1:6379/0"),
            public_url=reader.url("MESSENGER_PUBLIC_URL", None),
            base_template=reader.text("MESSENGER_BASE_TEMPLATE", "messenger/base.html"),
            plans=plans,
            feature_plans=_read_feature_plans(reader, plans),
            graph_timeout_seconds=reader.number("MESSENGER_GRAPH_TIMEOUT_SECONDS", 10.0),
            webhook_max_bytes=int(reader.number("MESSENGER_WEBHOOK_MAX_BYTES", 4 * 1024 * 1024)),
            webhook_connections=int(reader.number("MESSENGER_WEBHOOK_CONNECTIONS", 8)),
            webhook_database_seconds=reader.number(
                "MESSENGER_WEBHOOK_DATABASE_SECONDS", 3.0, minimum=0.1
            ),
            webhook_refusals_a_minute=int(reader.number("MESSENGER_WEBHOOK_REFUSALS_A_MINUTE", 60)),
            spool_max_bytes=int(
                reader.number("MESSENGER_SPOOL_MAX_BYTES", 256 * 1024 * 1024, minimum=0)
            ),
            spool_replicas=int(reader.number("MESSENGER_SPOOL_REPLICAS", 0, minimum=0)),
            drain_batch_size=int(reader.number("MESSENGER_DRAIN_BATCH_SIZE", 500)),
            drain_threads=int(reader.number("MESSENGER_DRAIN_THREADS", 2)),
            window_margin_seconds=int(
                reader.number("MESSENGER_WINDOW_MARGIN_SECONDS", 60, minimum=0)
            ),
            bot_pause_hours=reader.number("MESSENGER_BOT_PAUSE_HOURS", 24.0, minimum=0),
            send_max_attempts=int(reader.number("MESSENGER_SEND_MAX_ATTEMPTS", 6)),
            sending_unknown_after_seconds=int(
                reader.number("MESSENGER_SENDING_UNKNOWN_AFTER_SECONDS", 120)
            ),
            outbox_threads=int(reader.number("MESSENGER_OUTBOX_THREADS", 16)),
            account_sends_per_second=int(reader.number("MESSENGER_ACCOUNT_SENDS_PER_SECOND", 250)),
            account_media_per_second=int(reader.number("MESSENGER_ACCOUNT_MEDIA_PER_SECOND", 8)),
            app_sends_per_second=int(reader.number("MESSENGER_APP_SENDS_PER_SECOND", 2000)),
            usage_slow_from_percent=reader.number("MESSENGER_USAGE_SLOW_FROM_PERCENT", 75.0),
            usage_pause_from_percent=reader.number("MESSENGER_USAGE_PAUSE_FROM_PERCENT", 95.0),
            breaker_failures=int(reader.number("MESSENGER_BREAKER_FAILURES", 5)),
            journal_days=int(reader.number("MESSENGER_JOURNAL_DAYS", 30)),
            attachment_days=int(reader.number("MESSENGER_ATTACHMENT_DAYS", 0, minimum=0)),
            export_days=int(reader.number("MESSENGER_EXPORT_DAYS", 7)),
            media=_read_media(reader),
            worker_processes=_read_processes(reader),
            workspace_share=_read_share(reader),
            bulk_jobs_per_workspace=int(reader.number("MESSENGER_BULK_JOBS_PER_WORKSPACE", 2)),
            lag_alert_seconds=int(reader.number("MESSENGER_LAG_ALERT_SECONDS", 60)),
            metrics_token=_optional(reader.raw("MESSENGER_METRICS_TOKEN")),
            subscription_check_seconds=int(
                reader.number("MESSENGER_SUBSCRIPTION_CHECK_SECONDS", 3600, minimum=60)
            ),
            token_check_seconds=int(
                reader.number("MESSENGER_TOKEN_CHECK_SECONDS", 24 * 3600, minimum=60)
            ),
            expiry_warning_days=int(reader.number("MESSENGER_EXPIRY_WARNING_DAYS", 14)),
            backfill_days=int(reader.number("MESSENGER_BACKFILL_DAYS", 90, minimum=0)),
            profile_days=int(reader.number("MESSENGER_PROFILE_DAYS", 7, minimum=1)),
            stream_seconds=int(reader.number("MESSENGER_STREAM_SECONDS", 300)),
        )
        reader.raise_problems()
        return settings


class _Reader:
    """Reads one key at a time and collects what is wrong, so that all of it is said at once."""

    def __init__(self, config: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._problems: list[str] = []

    def raw(self, key: str) -> Any:
        value = self._config.get(key)
        if value is None:
            value = self._environ.get(key)
        return None if value == "" else value

    def problem(self, key: str, text: str) -> None:
        self._problems.append(f"{key} {text}")

    def raise_problems(self) -> None:
        if self._problems:
            raise ConfigurationError("flask_messenger: " + "; ".join(self._problems))

    def text(self, key: str, default: str) -> str:
        value = self.raw(key)
        return default if value is None else str(value)

    def matching(self, key: str, default: str, pattern: str) -> str:
        value = self.text(key, default)
        if not re.fullmatch(pattern, value):
            self.problem(key, f"must look like {default}")
        return value

    def number(self, key: str, default: float, *, minimum: float = 1) -> float:
        value = self.raw(key)
        try:
            number = default if value is None else float(value)
        except (TypeError, ValueError):
            self.problem(key, "must be a number")
            return default
        if not minimum <= number < float("inf"):
            self.problem(key, f"must be {minimum} or more")
            return default
        return number

    def names(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.raw(key)
        if value is None:
            return default
        parts = value.split(",") if isinstance(value, str) else list(value)
        names = tuple(str(part).strip() for part in parts if str(part).strip())
        if not names or len(set(names)) != len(names):
            self.problem(key, "must list names once each, lowest first, such as free,plus,pro")
            return default
        return names

    def url(self, key: str, default: str | None) -> Any:
        value = self.raw(key)
        if value is None:
            return default
        text = str(value).rstrip("/")
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            self.problem(key, "must be an http or https address")
        return text

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.raw(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                self.problem(key, "must be a JSON object")
                return {}
        if value is not None and not isinstance(value, Mapping):
            self.problem(key, "must be a JSON object")
            return {}
        return dict(value or {})


def _read_apps(reader: _Reader, *, simulated: bool) -> dict[str, MetaApp]:
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


def _read_app(reader: _Reader, name: str, values: Any) -> MetaApp:
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
        app_secret_previous=_optional(given.get("app_secret_previous")),
        verify_token=str(given.get("verify_token") or ""),
        login_config_id=_optional(given.get("login_config_id")),
        login_scopes=_read_scopes(given.get("login_scopes")),
        instagram_app_id=_optional(has_id),
        instagram_app_secret=_optional(has_secret),
        instagram_app_secret_previous=_optional(given.get("instagram_app_secret_previous")),
        speaks_for=_read_speaks_for(reader, name, given.get("speaks_for")),
    )


def _read_scopes(value: Any) -> tuple[str, ...] | None:
    """Return the names in a list, or in text with commas or spaces; None where there are none."""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    return tuple(dict.fromkeys(text.replace(",", " ").split())) or None


def _read_instagram_url(reader: _Reader, key: str, host: str, simulator_url: str | None) -> str:
    """Return where one of Instagram's hosts is. The simulator serves each under its own name."""
    name = f"{host}.instagram.com"
    default = f"{simulator_url}/{name}" if simulator_url else f"https://{name}"
    return str(reader.url(f"META_INSTAGRAM_{key}_URL", default))


def _read_speaks_for(reader: _Reader, name: str, value: Any) -> tuple[str, ...]:
    names = [] if value is None else value
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        reader.problem(f"META_APPS[{name}].speaks_for", "must be a list of names of other apps")
        return ()
    return tuple(names)


def _read_media(reader: _Reader) -> MediaSettings:
    return MediaSettings(
        url=_read_store(reader),
        options=reader.mapping("MESSENGER_MEDIA_OPTIONS"),
        hosts=tuple(
            host.lower() for host in reader.names("MESSENGER_MEDIA_HOSTS", META_MEDIA_HOSTS)
        ),
        fetched_bytes=_read_sizes(reader, "MESSENGER_MEDIA_MAX_BYTES", FETCHED_BYTES),
        uploaded_bytes=_read_sizes(reader, "MESSENGER_UPLOAD_MAX_BYTES", UPLOADED_BYTES),
        quota_bytes=int(reader.number("MESSENGER_UPLOAD_QUOTA_BYTES", 0, minimum=0)),
        fetch_seconds=reader.number("MESSENGER_MEDIA_FETCH_SECONDS", 60.0, minimum=0.1),
        max_attempts=int(reader.number("MESSENGER_MEDIA_MAX_ATTEMPTS", 8)),
        max_pixels=int(reader.number("MESSENGER_MEDIA_MAX_PIXELS", 50_000_000)),
        link_seconds=int(reader.number("MESSENGER_MEDIA_LINK_SECONDS", 3600)),
        upload_hours=reader.number("MESSENGER_UPLOAD_HOURS", 24.0, minimum=0.1),
        reusable_days=reader.number("MESSENGER_REUSABLE_DAYS", 80.0, minimum=0),
    )


def _read_store(reader: _Reader) -> str | None:
    """Read where files are kept; a value without a protocol could be meant for another folder."""
    value = _optional(reader.raw("MESSENGER_MEDIA_URL"))
    if value is not None and not re.fullmatch(r"[a-z0-9+]+://.+", value):
        reader.problem("MESSENGER_MEDIA_URL", "must look like file:///folder or s3://bucket/prefix")
    return value.rstrip("/") if value else None


def _read_sizes(reader: _Reader, key: str, defaults: Mapping[str, int]) -> dict[str, int]:
    given = reader.mapping(key)
    for name, size in given.items():
        if name not in defaults or not isinstance(size, int) or size < 1:
            reader.problem(key, f"gives bytes for {', '.join(sorted(defaults))}, and nothing else")
            return dict(defaults)
    return {**defaults, **given}


def read_processes(text: str) -> dict[str, int]:
    """Return how many processes each queue group gets, from text such as `ingest=2,bulk=1`.

    Groups that are not named keep their default.

    Raises:
        ValueError: an unknown group, or not a number from 0 to 64.
    """
    found = dict(DEFAULT_PROCESSES)
    for part in filter(None, (each.strip() for each in text.split(","))):
        group, _, number = part.partition("=")
        if group not in found or not 0 <= int(number) <= MAX_PROCESSES:
            raise ValueError(part)
        found[group] = int(number)
    return found


def _read_processes(reader: _Reader) -> dict[str, int]:
    name = "MESSENGER_WORKER_PROCESSES"
    try:
        return read_processes(reader.text(name, ""))
    except ValueError:
        reader.problem(name, "must look like ingest=2,outbox=1,default=2,bulk=2")
        return dict(DEFAULT_PROCESSES)


def _read_share(reader: _Reader) -> float:
    name = "MESSENGER_WORKSPACE_SHARE"
    share = reader.number(name, 0.5, minimum=0)
    if not 0 < share <= 1:
        reader.problem(name, "must be above 0 and at most 1")
    return share


def _given(*values: str | None) -> tuple[str, ...]:
    return tuple(each for each in values if each)


def _optional(value: Any) -> str | None:
    return str(value) if value else None


def _read_keys(reader: _Reader) -> tuple[tuple[str, bytes], ...]:
    """Read `MESSENGER_ENCRYPTION_KEYS`: `id:base64` pairs, newest first, 32 bytes each."""
    name = "MESSENGER_ENCRYPTION_KEYS"
    value = reader.raw(name)
    if value is None:
        reader.problem(name, "is missing (python -m flask_messenger.crypto makes one)")
        return ()
    keys: dict[str, bytes] = {}
    for part in str(value).split(","):
        key_id, _, encoded = part.strip().partition(":")
        key = _decode_key(encoded)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id) or key is None or key_id in keys:
            reader.problem(
                name, "must be id:key pairs, comma separated, each key 32 bytes in base64"
            )
            return ()
        keys[key_id] = key
    return tuple(keys.items())


def _decode_key(encoded: str) -> bytes | None:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == ENCRYPTION_KEY_BYTES else None


def _read_feature_plans(reader: _Reader, plans: tuple[str, ...]) -> dict[str, str]:
    """Read `MESSENGER_FEATURES`; features not named there keep their default plan.

    A default plan that the host's list does not have means the host's highest plan.
    """
    given = reader.mapping("MESSENGER_FEATURES")
    for feature, plan in given.items():
        if feature not in FEATURES:
            reader.problem("MESSENGER_FEATURES", f"has no feature {feature!r}")
        elif plan not in plans:
            reader.problem("MESSENGER_FEATURES", f"names a plan {plan!r} not in MESSENGER_PLANS")
    defaults = {
        feature: plan if plan in plans else plans[-1]
        for feature, plan in DEFAULT_FEATURE_PLANS.items()
    }
    return {**defaults, **{key: str(value) for key, value in given.items()}}
