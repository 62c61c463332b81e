"""A template as it would look, for nobody in particular: while it is written."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask_messenger.content import Content
from flask_messenger.hooks import Tenant
from flask_messenger.replies.contents import check_content, fill

PERSON: Final = "Maya Okafor"
LOCATION: Final = "Downtown"


class Sample(str):
    """What stands for a variable that only the host knows: its own name, at any depth."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        """Say that everything is to be had of it."""
        return isinstance(name, str)

    def __getitem__(self, name: Any) -> Any:
        """Return what stands for a part of it."""
        return Sample(f"{self}.{name}") if isinstance(name, str) else super().__getitem__(name)


Mapping.register(Sample)  # what may be looked into, by the rules of templates


def fill_with_samples(
    tenant: Tenant, *, kind: str, text: str | None, content: Mapping[str, Any]
) -> Content:
    """Return what a template makes where every variable has some value.

    Raises:
        ContentError: names what is wrong with it.
    """
    names = check_content(kind, text, content)
    return fill(kind, text, content, sample_values(tenant, names))


def sample_values(tenant: Tenant, names: Iterable[str]) -> dict[str, Any]:
    """Return a value for each variable."""
    agent = tenant.user_name.strip() or "Sam Reyes"
    ours = {
        "name": PERSON,
        "first_name": PERSON.split()[0],
        "agent_name": agent,
        "agent_first_name": agent.split()[0],
        "account_name": "Your Page",
        "location": LOCATION,
    }
    return {name: ours.get(name) or Sample(name) for name in names}
