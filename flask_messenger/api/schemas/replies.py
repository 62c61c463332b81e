"""Templates and saved replies."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from flask_messenger.api.schemas.base import Answer, HostId, MayOmit, Question, StorableText, Time
from flask_messenger.content.base import plain
from flask_messenger.graph.page_templates import LibraryTemplate as LibraryTemplateRow
from flask_messenger.models import SavedReply as SavedReplyModel
from flask_messenger.models import Template as TemplateModel
from flask_messenger.models.templates import UTILITY
from flask_messenger.replies.filling import Filled as FilledValue
from flask_messenger.replies.proposals import Proposal
from flask_messenger.replies.rendering import MAX_SOURCE
from flask_messenger.replies.saved_replies import MAX_SHORTCUT, MAX_TITLE, SavedReplyValues
from flask_messenger.replies.templates import MAX_NAME, TemplateValues, variables_in
from flask_messenger.replies.utility import placeholders_of

Source = Annotated[StorableText, Field(max_length=MAX_SOURCE)]
Name = Annotated[StorableText, StringConstraints(min_length=1, max_length=MAX_NAME)]
Word = Annotated[StorableText, StringConstraints(min_length=1, max_length=64)]
Variables = Annotated[
    dict[str, Any], Field(description="Values that only the caller knows; they come first.")
]
Content = Annotated[
    dict[str, Any], Field(description="The fields of a content of this kind, with variables.")
]


class ForAccountQuery(Question):
    """Whose to list."""

    account_id: MayOmit[uuid.UUID] = Field(
        None,
        description="Only what is good for this account: of several with one name the narrowest.",
    )


class TemplatesQuery(ForAccountQuery):
    """Which templates to list."""

    kind: MayOmit[Literal["ours", "utility"]] = None


class Template(Answer):
    """A message with variables."""

    id: uuid.UUID
    kind: str = Field(description="`ours`, or `utility`: one that Meta approves.")
    name: str
    language: str
    category: str | None
    status: str = Field(description="`ready`; of a `utility` template Meta's word, in lower case.")
    status_reason: str | None
    content_kind: str
    text: str | None
    content: dict[str, Any]
    variables: list[str] = Field(description="What has to have a value for it to be sent.")
    location_id: str | None
    account_id: uuid.UUID | None
    created_by: str | None
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: TemplateModel) -> "Template":
        """Return what is shown of `row`."""
        return cls(
            id=row.id,
            kind=row.kind,
            name=row.name,
            language=row.language,
            category=row.category,
            status=row.status,
            status_reason=row.status_reason,
            content_kind=row.content_kind,
            text=row.text,
            content=row.content,
            variables=placeholders_of(row) if row.kind == UTILITY else variables_in(row),
            location_id=row.location_id,
            account_id=row.account_id,
            created_by=row.created_by,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class Templates(Answer):
    """Templates, by name."""

    items: list[Template]


class TemplateToCreate(Question):
    """A new template. Without location and account it is good for the whole workspace."""

    name: Name
    content_kind: Word = "text"
    text: MayOmit[Source] = None
    content: MayOmit[Content] = None
    language: Annotated[StorableText, Field(max_length=64)] = ""
    location_id: MayOmit[HostId] = None
    account_id: MayOmit[uuid.UUID] = None

    def values(self) -> TemplateValues:
        """Return it for the service."""
        return TemplateValues(**self.model_dump(exclude={"content"}), content=self.content or {})


class TemplateChange(Question):
    """What to change. Fields that are left out stay as they are."""

    name: MayOmit[Name] = None
    content_kind: MayOmit[Word] = None
    text: MayOmit[Source] = None
    content: MayOmit[Content] = None


class TemplateFilling(Question):
    """Where a template is to be filled in."""

    conversation_id: uuid.UUID
    variables: MayOmit[Variables] = None


class TemplateDraft(Question):
    """A template that nobody saved yet."""

    content_kind: Word = "text"
    text: MayOmit[Source] = None
    content: MayOmit[Content] = None
    variables: MayOmit[Variables] = None


class FilledTemplate(Answer):
    """What would be sent."""

    text: str | None = Field(description="What people read of it; null where there is nothing.")
    content: dict[str, Any] = Field(description="As `content` of a request to send.")

    @classmethod
    def of(cls, filled: FilledValue) -> "FilledTemplate":
        """Return what is shown of `filled`."""
        content = {"kind": filled.content.kind, **plain(filled.content)}
        return cls(text=filled.content.words, content=content)


class UtilityTemplateToPropose(Question):
    """A template for Meta to approve."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,8})?$")]
    components: list[dict[str, Any]] = Field(
        min_length=1, max_length=3, description="As Meta has them: a BODY, a HEADER, BUTTONS."
    )

    def proposal(self) -> Proposal:
        """Return it for the service.

        Raises:
            InvalidRequestError: Meta would refuse it; names the field.
        """
        return Proposal(name=self.name, language=self.language, components=self.components)


class LibraryTemplateToClone(Question):
    """Which of Meta's own templates to make the account's, and how it is called then."""

    library_name: Name
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,8})?$")]
    button_inputs: list[dict[str, Any]] = Field(
        default=[], max_length=3, description="As Meta has them, such as the address of a button."
    )


class LibraryQuery(Question):
    """Which of Meta's own templates to show."""

    words: MayOmit[Name] = Field(None, description="In its name or its text.")
    language: MayOmit[Word] = None


class LibraryTemplate(Answer):
    """One of Meta's own templates."""

    name: str
    language: str | None
    category: str | None
    body: str | None
    raw: dict[str, Any] = Field(description="All that Meta says of it.")

    @classmethod
    def of(cls, row: LibraryTemplateRow) -> "LibraryTemplate":
        """Return what is shown of `row`."""
        return cls(
            name=row.name,
            language=row.language,
            category=row.category,
            body=row.body,
            raw=dict(row.raw),
        )


class Library(Answer):
    """Meta's own templates, to be cloned."""

    items: list[LibraryTemplate]


class SavedReply(Answer):
    """A text with variables that is put into the composer by its shortcut."""

    id: uuid.UUID
    shortcut: str
    title: str
    text: str
    location_id: str | None
    account_id: uuid.UUID | None
    created_by: str | None
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: SavedReplyModel) -> "SavedReply":
        """Return what is shown of `row`."""
        return cls(
            id=row.id,
            shortcut=row.shortcut,
            title=row.title,
            text=row.text,
            location_id=row.location_id,
            account_id=row.account_id,
            created_by=row.created_by,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class SavedReplies(Answer):
    """Saved replies, by shortcut."""

    items: list[SavedReply]


class SavedReplyToCreate(Question):
    """A new saved reply. Without location and account it is good for the whole workspace."""

    shortcut: Annotated[StorableText, StringConstraints(min_length=1, max_length=MAX_SHORTCUT)]
    text: Annotated[StorableText, StringConstraints(min_length=1, max_length=MAX_SOURCE)]
    title: Annotated[StorableText, Field(max_length=MAX_TITLE)] = ""
    location_id: MayOmit[HostId] = None
    account_id: MayOmit[uuid.UUID] = None

    def values(self) -> SavedReplyValues:
        """Return it for the service."""
        return SavedReplyValues(**self.model_dump())


class SavedReplyChange(Question):
    """What to change. Fields that are left out stay as they are."""

    shortcut: MayOmit[
        Annotated[StorableText, StringConstraints(min_length=1, max_length=MAX_SHORTCUT)]
    ] = None
    text: MayOmit[
        Annotated[StorableText, StringConstraints(min_length=1, max_length=MAX_SOURCE)]
    ] = None
    title: MayOmit[Annotated[StorableText, Field(max_length=MAX_TITLE)]] = None


class SavedReplyFilling(Question):
    """Where a saved reply is to be filled in."""

    conversation_id: uuid.UUID


class FilledReply(Answer):
    """The text of a saved reply in a conversation."""

    text: str


class Variable(Answer):
    """A variable of templates."""

    name: str
    description: str


class VariableList(Answer):
    """The variables that every template may use; the host may know more."""

    items: list[Variable]
