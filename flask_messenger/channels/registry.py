"""The channels there are. Adding one is a line here and a file beside it."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_messenger.channels.base import Channel
from flask_messenger.channels.facebook import Facebook
from flask_messenger.channels.instagram import Instagram
from flask_messenger.errors import NotFoundError

CHANNELS: Mapping[str, Channel] = MappingProxyType(
    {Facebook.name: Facebook(), Instagram.name: Instagram()}
)
BY_WEBHOOK_OBJECT: Mapping[str, Channel] = MappingProxyType(
    {channel.webhook_object: channel for channel in CHANNELS.values()}
)


def channel_named(name: str) -> Channel:
    """Return the channel stored as `name`.

    Raises:
        NotFoundError: there is none of that name.
    """
    channel = CHANNELS.get(name)
    if channel is None:
        raise NotFoundError(f"There is no channel {name!r}.")
    return channel
