"""How a content names a file: by an address, by Meta's id, or by an id of ours."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from flask_messenger.content.checks import Problems
from flask_messenger.errors import ContentError


class NamesFile(Protocol):
    """A dataclass that names a file."""

    @property
    def url(self) -> str | None:
        """An address that everybody can open."""

    @property
    def attachment_id(self) -> str | None:
        """Meta's id of a file it keeps for the account."""

    @property
    def upload_id(self) -> str | None:
        """Our id of a stored file; made an `attachment_id` before it is sent."""


File = TypeVar("File", bound=NamesFile)


def look_at_file(problems: Problems, at: str, file: NamesFile) -> None:
    """Note that a file is named by nothing, by two things at once, or by no proper address."""
    given = {"url": file.url, "attachment_id": file.attachment_id, "upload_id": file.upload_id}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        problems.add(at, f"A file is named by exactly one of {', '.join(given)}.")
    elif file.url is not None:
        problems.url(f"{at}.url", file.url)
    else:
        [(name, value)] = named.items()
        problems.text(f"{at}.{name}", value, missing="Name the file by its id.")


def at_meta(file: File, ids: Mapping[str, str]) -> File:
    """Return `file` with Meta's id in place of ours.

    Raises:
        ContentError: it is not among them.
    """
    if file.upload_id is None:
        return file
    if file.upload_id not in ids:
        raise ContentError("The file is not at Meta yet.", field="attachment.upload_id")
    changed: Any = file
    return replace(changed, upload_id=None, attachment_id=ids[file.upload_id])  # type: ignore[no-any-return]
