"""What the inbox shows, as values: made by the functions beside, read by the templates."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_messenger.ui.presenters.people import Avatar


@dataclass(frozen=True, slots=True, kw_only=True)
class Pill:
    """A short word with a shape; `kind` is "", "warn" or "bad"."""

    text: str
    icon: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One option of a filter or a menu."""

    value: str
    label: str
    note: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter of the list; `is_set` where it narrows the list."""

    name: str
    label: str
    choices: Sequence[Choice]
    is_set: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One tab of the list, with how many open conversations it has."""

    label: str
    count: str
    url: str
    fragment_url: str
    is_current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One conversation in the list.

    Attributes:
        state_icon: how far our last message came: `check`, `checks`, …; "" where they wrote last.
    """

    id: str
    url: str
    thread_url: str
    name: str = field(repr=False)
    avatar: Avatar
    channel: str
    channel_label: str
    text: str = field(repr=False)
    time: str
    time_iso: str
    unread: int
    place: str
    state_icon: str = ""
    state_word: str = ""
    state_kind: str = ""
    pills: Sequence[Pill] = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """The list pane."""

    fragment_url: str
    tabs: Sequence[Tab]
    filters: Sequence[Filter]
    rows: Sequence[RowView]
    query: str = field(default="", repr=False)
    tab: str = "mine"
    more_url: str | None = None
    unread: int = 0
    nothing: str = ""
    nothing_more: str = ""
    nothing_url: str | None = None
    nothing_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentView:
    """One attachment of a message.

    Attributes:
        kind: how it is shown: `image`, `sticker`, `video`, `audio` or `file`.
        url: what it opens or plays; None where nothing safe can be.
        picture_url: the small picture of it; of an image without one, `url` itself is shown.
        retry_url: a POST that has it fetched again, where that failed.
        is_broken: whether it should be here and is not.
    """

    kind: str
    label: str = field(repr=False)
    detail: str
    icon: str
    url: str | None = field(default=None, repr=False)
    picture_url: str | None = field(default=None, repr=False)
    width: int | None = None
    height: int | None = None
    retry_url: str | None = None
    is_broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """A button of a card; `url` is None where it is the person's to tap."""

    label: str = field(repr=False)
    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """One card of a template; `lines` are names with their values, as on a receipt."""

    title: str = field(default="", repr=False)
    subtitle: str = field(default="", repr=False)
    picture_url: str | None = field(default=None, repr=False)
    pictures: Sequence[str] = field(default=(), repr=False)
    lines: Sequence[tuple[str, str]] = field(default=(), repr=False)
    url: str | None = field(default=None, repr=False)
    buttons: Sequence[LinkView] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteView:
    """What a message answers; `dom_id` is where it stands, "" where it is not on the page."""

    who: str = field(repr=False)
    text: str = field(repr=False)
    dom_id: str = ""
    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionView:
    """One reaction under a bubble: what it looks like, and who reacted, for those who listen."""

    look: str = field(repr=False)
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionChoice:
    """A reaction of ours that can be chosen, or was: choosing it again takes it back."""

    emoji: str
    is_ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """How far an outbound message came, in a word and a shape.

    Attributes:
        kind: "", "read", "bad" or "warn".
        detail: the cause, for what went wrong.
    """

    word: str
    icon: str
    kind: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    """Something to do about a message: a POST to `url`, or a way there where it `is_link`.

    Attributes:
        question: what is asked first, where nobody can take it back.
    """

    label: str
    url: str
    is_link: bool = False
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One bubble.

    Attributes:
        dom_id: the idempotency key's where the page itself made one, so that the bubble shown
            before the server's answer and the one after are the same element.
        look: `in`, `out`, `other` (sent by somebody else for us), `bad`, `unsure`, `gone` (taken
            back by whoever wrote it), `hidden` (a comment the public does not see) or `notice` (a
            line that nobody said; `author_icon` is its icon).
        note: what happened other than writing: "tapped “Classes”", "edited".
        replies: what it offers to be tapped.
        can_answer: whether an answer can name it.
        react_url: where a reaction of ours goes; None where there can be none.
        emojis: what it can be.
    """

    id: str
    dom_id: str
    is_inbound: bool
    look: str
    text: str = field(repr=False)
    time: str
    time_iso: str
    author: str = field(default="", repr=False)
    author_icon: str = ""
    note: str = field(default="", repr=False)
    quote: QuoteView | None = None
    attachments: Sequence[AttachmentView] = ()
    cards: Sequence[CardView] = ()
    replies: Sequence[str] = field(default=(), repr=False)
    reactions: Sequence[ReactionView] = ()
    state: StateView | None = None
    actions: Sequence[ActionView] = ()
    can_answer: bool = False
    can_answer_privately: bool = False
    react_url: str | None = None
    emojis: Sequence[ReactionChoice] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """The messages of one day; `key` is its date, for the element's id."""

    key: str = ""
    label: str
    messages: Sequence[MessageView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposerView:
    """Where one writes, or why one cannot.

    Attributes:
        pill: how long the window stays open.
        closes_at_iso: when the page has to look again; "" where nothing closes.
        hint: something to know while writing, such as a reconnection that replies wait for.
        ends_at_iso: until when a message may be put off and still go out; "" where it always may.
        ends_words: the same moment in words.
        limit_unit: what `limit` counts, `characters` or `bytes`.
        upload_url: where files for the answer go; "" where it carries none.
        replies_url: where saved replies and templates are listed; "" where none fit.
        closed_title: why nothing can be written; "" where something can.
        closed_text: what can be done instead.
    """

    send_url: str
    typing_url: str
    placeholder: str
    limit: int
    limit_unit: str = "characters"
    upload_url: str = ""
    replies_url: str = ""
    is_open: bool
    pill: Pill | None = None
    closes_at_iso: str = ""
    ends_at_iso: str = ""
    ends_words: str = ""
    hint: str = ""
    hint_kind: str = ""
    closed_title: str = ""
    closed_text: str = ""
    closed_url: str | None = None
    closed_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BannerView:
    """What stands above a conversation: another app has it, or the post it is under."""

    text: str = field(repr=False)
    icon: str
    kind: str = ""
    detail: str = field(default="", repr=False)
    picture_url: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    url_label: str = ""
    actions: Sequence[tuple[str, str, dict[str, str]]] = ()
    """Labels, addresses to post to, and fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView:
    """The middle pane.

    Attributes:
        banners: what one has to know of the whole conversation.
        keeps_older: whether what "Load older messages" brought stays when this is morphed in.
    """

    id: str
    name: str = field(repr=False)
    where: str
    fragment_url: str
    person_url: str
    seen_url: str
    back_url: str
    days: Sequence[DayView]
    composer: ComposerView
    banners: Sequence[BannerView] = ()
    unread: int = 0
    older_url: str | None = None
    keeps_older: bool = False
    status: str = "open"
    status_pill: Pill | None = None
    assignee_label: str = "Assign"
    assign_url: str | None = None
    assignees: Sequence[Choice] = ()
    close_url: str | None = None
    reopen_url: str | None = None
    snooze_url: str | None = None
    snoozes: Sequence[Choice] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """The right pane; `panel` is the host's own HTML about its contact.

    Attributes:
        origins: where the person came from, first and last.
        bot_paused: until when bots are quiet, in words; "" where they are not.
        linked_url: the same person's other conversation: of a comment the direct one, and back.
    """

    name: str = field(repr=False)
    avatar: Avatar
    channel: str
    channel_label: str
    subtitle: str
    facts: Sequence[tuple[str, str]] = field(default=(), repr=False)
    origins: Sequence[tuple[str, str]] = field(default=(), repr=False)
    bot_paused: str = ""
    resume_bot_url: str | None = None
    linked_url: str | None = None
    linked_label: str = ""
    panel: object = field(default=None, repr=False)
    panel_note: str = ""
    data_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningView:
    """An account that needs a person, in one line above the panes.

    Attributes:
        kind: "warn" or "bad".
        key: names what a person puts aside for today; empty for what cannot wait.
        others: how many more accounts there are to look at, in words.
    """

    kind: str
    title: str
    text: str = ""
    action: str = ""
    action_url: str | None = None
    key: str = ""
    others: str = ""
    others_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxView:
    """The whole page."""

    list: ListView
    thread: ThreadView | None = None
    person: PersonView | None = None
    warning: WarningView | None = None
    events_url: str = ""
    group: str = ""
    zone: str = "UTC"
    cookie_path: str = "/"
    list_url: str = ""
    list_fragment_url: str = ""
