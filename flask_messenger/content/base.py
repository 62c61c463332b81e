"""What every content has: a kind, words for people, and a form in which it is stored."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

from flask_messenger.content.checks import Problems


class Content(ABC):
    """What a message says, the same for every channel: a frozen value.

    Making one refuses what no channel could carry; the limits of a channel are asked of the
    channel (`Channel.check_content`).

    Attributes:
        kind: the stored name, as in `kind = 'button_template'`; never renamed.
    """

    __slots__ = ()
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse what cannot be sent anywhere.

        Raises:
            ContentError: names every field that is wrong, and how to mend it.
        """
        self.tidy()
        problems = Problems()
        self.look(problems)
        problems.check()
        for field, text in _texts(self, ""):
            problems.storable(field, text)
        problems.check()

    def tidy(self) -> None:
        """Make tuples of lists, so that the value is frozen all through."""
        for each in fields(self):  # type: ignore[arg-type] # every kind of content is a dataclass
            value = getattr(self, each.name)
            if isinstance(value, list):
                object.__setattr__(self, each.name, tuple(value))

    @abstractmethod
    def look(self, problems: Problems) -> None:
        """Note what is wrong."""

    @property
    def words(self) -> str | None:
        """What people read of it, for the inbox and the search; None where there is nothing."""
        return None

    @property
    def upload_ids(self) -> tuple[str, ...]:
        """The files of ours in it. Each becomes a file of Meta's before it is sent."""
        return ()

    def with_attachments(self, ids: Mapping[str, str]) -> "Content":
        """Return it with Meta's attachment ids in place of our upload ids.

        Raises:
            ContentError: one of its files is not among them.
        """
        del ids
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored beside `kind` and the text: JSON."""
        return {name: value for name, value in plain(self).items() if name != "text"}


def _texts(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Yield every text in `value` with the path to it."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, f"{at}[{number}]")
    elif is_dataclass(value):
        for each in fields(value):
            path = f"{at}.{each.name}" if at else each.name
            yield from _texts(getattr(value, each.name), path)


def plain(value: Any) -> Any:
    """Return `value` as JSON has it; what is None, empty or as it is by default is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        given = {each.name: (getattr(value, each.name), each.default) for each in fields(value)}
        return {
            name: plain(item)
            for name, (item, default) in given.items()
            if item is not None and item not in ((), default)
        }
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
