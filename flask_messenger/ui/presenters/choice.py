"""The choice of Pages after a login, from what can be chosen to what is shown."""

from collections.abc import Sequence
from typing import Final

from flask_messenger.channels.registry import channel_named
from flask_messenger.connect.choice import (
    HERE,
    HIDDEN_LOCATION,
    NEW,
    OTHER_LOCATION,
    PERMISSION_MISSING,
    PLAN_MISSING,
    TAKEN,
    TASK_MISSING,
    Choice,
    PageOption,
)
from flask_messenger.connect.connecting import PageResult
from flask_messenger.connect.reasons import REASONS
from flask_messenger.ui.presenters.integrations import Connect, declined_words, location_choices
from flask_messenger.ui.presenters.people import avatar_of
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.settings import ChoiceView, Notice, PageChoice

NOTES: Final = {
    NEW: "",
    HERE: "Connected. Choosing it renews the login.",
    OTHER_LOCATION: "Connected. Choosing it renews the login and can move it.",
    HIDDEN_LOCATION: "Connected in a location you do not see",
    TAKEN: "Belongs to another workspace",
    PERMISSION_MISSING: "The login did not allow what its messages need",
    PLAN_MISSING: "Your plan does not have it",
    TASK_MISSING: "Facebook does not let this person answer on it",
}


def choice_view(
    choice: Choice,
    reader: Reader,
    connect: Connect,
    *,
    results: Sequence[PageResult] = (),
    problem: str = "",
) -> ChoiceView:
    """Return the page; `results` and `problem` say how the try before ended."""
    failed = {each.page_id: each.reason for each in results if each.reason}
    return ChoiceView(
        pages=[
            page_choice(option, choice, reader, reason=failed.get(option.id))
            for option in choice.pages
        ],
        submit_url=reader.link("messenger_ui.connect_chosen", attempt_id=choice.id),
        cancel_url=reader.link("messenger_ui.settings"),
        notices=_notices(choice, connect, results=results, problem=problem),
        person=choice.person_name,
    )


def page_choice(
    option: PageOption, choice: Choice, reader: Reader, *, reason: str | None
) -> PageChoice:
    """Return one Page of the list."""
    note = NOTES.get(option.state, "")
    if option.needs_reauth and option.can_choose:
        note = "Its login has ended. Choosing it connects it again."
    ended = REASONS.get(reason or "")
    return PageChoice(
        id=option.id,
        name=option.name,
        detail=_detail(option),
        avatar=avatar_of(option.name, key=option.id, picture_url=option.picture_url),
        can_choose=option.can_choose,
        note=note,
        problem=f"{ended.title} {ended.remedy}".strip() if ended else "",
        is_chosen=option.can_choose and (option.state == NEW or option.needs_reauth),
        locations=location_choices(reader, _likely_location(option, choice, reader)),
        place=reader.location_name(option.location_id),
    )


def _detail(option: PageOption) -> str:
    """Return what tells an account from another one of its name, such as the Page it came with."""
    channel = channel_named(option.channel)
    if option.username:
        return f"{channel.title.split()[0]} · @{option.username}"
    word = channel.account_word
    return option.category or f"{word[:1].upper()}{word[1:]}"


def _likely_location(option: PageOption, choice: Choice, reader: Reader) -> str | None:
    """Return where the Page is; else the location of its own name; else what was asked for."""
    if option.location_id:
        return option.location_id
    name = option.name.casefold()
    same = (id_ for id_, each in reader.locations.items() if each.casefold() == name)
    return next(same, choice.location_id)


def _notices(
    choice: Choice, connect: Connect, *, results: Sequence[PageResult], problem: str
) -> list[Notice]:
    notices = []
    if problem:
        notices.append(Notice(kind="bad", title=problem))
    connected = [each.name for each in results if each.is_connected]
    if connected:
        title = f"{', '.join(connected)} {'is' if len(connected) == 1 else 'are'} connected."
        notices.append(Notice(kind="good", title=title))
    if choice.lost:
        lost = REASONS["pages_lost"]
        notices.append(
            Notice(
                kind=lost.kind,
                title=f"This login no longer covers {', '.join(choice.lost)}.",
                text=f"{lost.text} {lost.remedy}",
                action="Open Facebook again",
                action_url=connect(location_id=choice.location_id, rerequest=1),
            )
        )
    if choice.declined_scopes:
        notices.append(
            Notice(
                kind="warn",
                title="A permission was declined.",
                text=declined_words(choice.declined_scopes),
                action="Ask again",
                action_url=connect(location_id=choice.location_id, rerequest=1),
            )
        )
    return notices
