"""What a channel says of how its accounts are connected. Values only."""

from dataclasses import dataclass, field

from flask_messenger.graph.pages import PageProfile
from flask_messenger.models.accounts import BY_FACEBOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """The permissions one login has to ask for.

    Attributes:
        needed: without these there are no accounts, no messages or no webhooks.
        wanted: without one of these a part is missing, such as comments.
    """

    needed: tuple[str, ...]
    wanted: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """All of them."""
        return self.needed + self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFields:
    """What a channel hears of.

    Attributes:
        core: without these an inbox makes no sense.
        further: these come and go with Meta's versions.
    """

    core: tuple[str, ...]
    further: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return self.core + self.further


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAccount:
    """An account that a login brought, and that could be connected.

    Attributes:
        external_id: the one its webhooks name.
        token: what it is asked and written with; of an account that a Page carries, the Page's.
        tasks: what the person may do on it, such as `MESSAGING`; None where Meta does not say.
        page_external_id: the Page that carries it; None for a Page itself and without one.
    """

    channel: str
    external_id: str
    profile: PageProfile
    token: str = field(repr=False)
    tasks: tuple[str, ...] | None = None
    login: str = BY_FACEBOOK
    page_external_id: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart: ids of two channels may be the same."""
        return self.channel, self.external_id
