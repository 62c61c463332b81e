"""The webhooks of a Meta app as a whole: which fields of which object, sent to which address."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.connect.doctor import WEBHOOK_PATH
from flask_messenger.errors import ConfigurationError, NotFoundError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.subscriptions import agree, read_app_subscriptions, subscribe_app
from flask_messenger.settings import MetaApp, Settings
from flask_messenger.state import state_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AppWebhooks:
    """What one app is sent of one object; `missing` is what is read and not sent."""

    app_name: str
    object: str
    callback_url: str
    fields: tuple[str, ...]
    missing: tuple[str, ...] = ()


def list_webhooks(app: Flask, *, app_name: str | None = None) -> list[AppWebhooks]:
    """Return what each app is sent of every object that a channel reads.

    Raises:
        NotFoundError: no app of this name.
        GraphError: Meta refused, or did not answer.
    """
    held = state_of(app)
    found = []
    for meta_app in _apps(held.settings, app_name):
        sent = read_app_subscriptions(held.get(Graph), app=meta_app)
        for channel in CHANNELS.values():
            of_object = sent.get(channel.webhook_object)
            fields = of_object.fields if of_object else ()
            found.append(
                AppWebhooks(
                    app_name=meta_app.name,
                    object=channel.webhook_object,
                    callback_url=of_object.callback_url if of_object else "",
                    fields=fields,
                    missing=tuple(
                        each for each in channel.webhook_fields.all if each not in fields
                    ),
                )
            )
    return found


def subscribe_webhooks(app: Flask, *, app_name: str | None = None) -> list[AppWebhooks]:
    """Have each app sent what the channels read; what else it is sent already stays.

    Raises:
        ConfigurationError: MESSENGER_PUBLIC_URL is not set.
        NotFoundError: no app of this name.
        GraphError: Meta refused, could not reach our address, or did not answer.
    """
    held = state_of(app)
    if held.settings.public_url is None:
        raise ConfigurationError("MESSENGER_PUBLIC_URL is not set: Meta needs an address to call.")
    callback_url = f"{held.settings.public_url}{WEBHOOK_PATH}"
    graph = held.get(Graph)
    done = []
    for meta_app in _apps(held.settings, app_name):
        sent = read_app_subscriptions(graph, app=meta_app)
        for channel in CHANNELS.values():
            before = sent.get(channel.webhook_object)
            kept = before.fields if before and before.callback_url == callback_url else ()
            fields = _subscribe(
                graph,
                meta_app,
                object_=channel.webhook_object,
                callback_url=callback_url,
                core=tuple(dict.fromkeys((*channel.webhook_fields.core, *kept))),
                further=tuple(each for each in channel.webhook_fields.further if each not in kept),
            )
            done.append(
                AppWebhooks(
                    app_name=meta_app.name,
                    object=channel.webhook_object,
                    callback_url=callback_url,
                    fields=fields,
                )
            )
    return done


def _subscribe(
    graph: Graph,
    app: MetaApp,
    *,
    object_: str,
    callback_url: str,
    core: tuple[str, ...],
    further: tuple[str, ...],
) -> tuple[str, ...]:
    """Subscribe to all fields, or, where this version of Graph does not know one, to the others."""

    def ask_for(fields: tuple[str, ...]) -> None:
        subscribe_app(graph, app=app, object_=object_, callback_url=callback_url, fields=fields)

    return agree(ask_for, core=core, further=further)


def _apps(settings: Settings, app_name: str | None) -> Iterator[MetaApp]:
    if app_name is not None and app_name not in settings.apps:
        raise NotFoundError(f"No Meta app named {app_name!r} is configured.")
    yield from (each for name, each in settings.apps.items() if app_name in {None, name})
