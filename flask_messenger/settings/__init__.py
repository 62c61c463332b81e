"""Every setting, typed, with its default. Nothing else reads configuration or environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_messenger.settings.apps import MetaApp, read_apps
from flask_messenger.settings.keys import read_keys
from flask_messenger.settings.media import META_MEDIA_HOSTS, MediaSettings, read_media
from flask_messenger.settings.plans import DEFAULT_PLANS, FEATURES, read_feature_plans
from flask_messenger.settings.reader import Reader, optional
from flask_messenger.settings.worker import read_configured_processes, read_processes, read_share

__all__ = ["FEATURES", "META_MEDIA_HOSTS", "MediaSettings", "MetaApp", "Settings", "read_processes"]


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
        reader = Reader(config, os.environ if environ is None else environ)
        simulator_url = reader.url("MESSENGER_SIMULATOR_URL", None)
        plans = reader.names("MESSENGER_PLANS", DEFAULT_PLANS)
        settings = cls(
            apps=read_apps(reader, simulated=simulator_url is not None),
            graph_version=reader.matching("META_GRAPH_VERSION", "v25.0", r"v\d+\.\d+"),
            graph_url=reader.url("META_GRAPH_URL", simulator_url or "https://graph.facebook.com"),
            dialog_url=reader.url("META_DIALOG_URL", simulator_url or "https://www.facebook.com"),
            instagram_graph_url=_read_instagram_url(reader, "GRAPH", "graph", simulator_url),
            instagram_api_url=_read_instagram_url(reader, "API", "api", simulator_url),
            instagram_dialog_url=_read_instagram_url(reader, "DIALOG", "www", simulator_url),
            simulator_url=simulator_url,
            encryption_keys=read_keys(reader),
            redis_url=reader.text("MESSENGER_REDIS_URL", "redis://127.0.0.1:6379/0"),
            public_url=reader.url("MESSENGER_PUBLIC_URL", None),
            base_template=reader.text("MESSENGER_BASE_TEMPLATE", "messenger/base.html"),
            plans=plans,
            feature_plans=read_feature_plans(reader, plans),
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
            media=read_media(reader),
            worker_processes=read_configured_processes(reader),
            workspace_share=read_share(reader),
            bulk_jobs_per_workspace=int(reader.number("MESSENGER_BULK_JOBS_PER_WORKSPACE", 2)),
            lag_alert_seconds=int(reader.number("MESSENGER_LAG_ALERT_SECONDS", 60)),
            metrics_token=optional(reader.raw("MESSENGER_METRICS_TOKEN")),
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


def _read_instagram_url(reader: Reader, key: str, host: str, simulator_url: str | None) -> str:
    """Return where one of Instagram's hosts is. The simulator serves each under its own name."""
    name = f"{host}.instagram.com"
    default = f"{simulator_url}/{name}" if simulator_url else f"https://{name}"
    return str(reader.url(f"META_INSTAGRAM_{key}_URL", default))
