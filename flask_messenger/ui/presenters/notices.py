"""What happened in a thread and was said by nobody, in a line; and where a person came from."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from flask_messenger.models import Message
from flask_messenger.outbox.ownership import NAMES, OURS


def notice_words(message: Message, our_app_ids: Collection[str] = frozenset()) -> tuple[str, str]:
    """Return the line of a notice and its icon."""
    content = {
        key: OURS if key.endswith("_app_id") and str(value) in our_app_ids else value
        for key, value in (message.content or {}).items()
    }
    told = _NOTICES.get(message.kind)
    if told is None:
        return message.kind.replace("_", " ").capitalize(), "page"
    icon, words = told
    return (words(content) if callable(words) else words), icon


def touch_words(touch: Any) -> str:
    """Return in a few words where a person came from; "" where nobody knows."""
    if not touch or not isinstance(touch, Mapping):
        return ""
    ad = touch.get("ads_context_data")
    title = ad.get("ad_title") if isinstance(ad, Mapping) else None
    ref = touch.get("ref")
    if touch.get("ad_id") or touch.get("source") == "ADS":
        return f"Ad “{title}”" if title else "An ad"
    name = _SOURCES.get(str(touch.get("source") or ""), "A link")
    return f"{name}, {ref}" if ref else name


_SOURCES: Final = {
    "CUSTOMER_CHAT_PLUGIN": "The chat on your site",
    "DISCOVER_TAB": "Messenger's search",
    "MESSENGER_CODE": "A Messenger code",
    "SHORTLINK": "A link",
}


def _app(app_id: Any) -> str:
    if app_id == OURS:
        return "this inbox"
    return NAMES.get(str(app_id), "another app") if app_id else "nobody"


def _passed(content: Mapping[str, Any]) -> str:
    return f"The conversation was passed to {_app(content.get('new_owner_app_id'))}"


def _taken(content: Mapping[str, Any]) -> str:
    before, now = content.get("previous_owner_app_id"), content.get("new_owner_app_id")
    if now:
        return f"{_sentence(_app(now))} took over the conversation"
    return f"The conversation was taken from {_app(before)}"


def _requested(content: Mapping[str, Any]) -> str:
    return f"{_sentence(_app(content.get('requested_owner_app_id')))} asked for the conversation"


def _opted_in(content: Mapping[str, Any]) -> str:
    topic = content.get("topic") or content.get("title")
    return f"Agreed to updates: {topic}" if topic else "Agreed to be sent updates"


def _opted_out(content: Mapping[str, Any]) -> str:
    topic = content.get("topic") or content.get("title")
    return f"Stopped updates: {topic}" if topic else "Stopped updates"


def _rated(content: Mapping[str, Any]) -> str:
    said = str(content.get("feedback") or "")
    return f"Rated a message: {said.lower()}" if said else "Rated a message"


def _feedback(content: Mapping[str, Any]) -> str:
    answers = [
        str(answer.get("payload"))
        for screen in _mappings(content.get("feedback_screens"))
        for answer in _values(screen.get("questions"))
        if answer.get("payload") is not None
    ]
    comments = [
        str(follow.get("payload"))
        for screen in _mappings(content.get("feedback_screens"))
        for answer in _values(screen.get("questions"))
        for follow in _mappings([answer.get("follow_up")])
        if follow.get("payload")
    ]
    words = f"Gave feedback: {', '.join(answers)}" if answers else "Gave feedback"
    return f"{words} — “{'; '.join(comments)}”" if comments else words


def _details(content: Mapping[str, Any]) -> str:
    names = [
        str(answer.get("key")).replace("_", " ")
        for screen in _mappings(content.get("screens"))
        for answer in _mappings(screen.get("responses"))
        if answer.get("key")
    ]
    return f"Filled in: {', '.join(names)}" if names else "Filled in a form"


def _coupon(content: Mapping[str, Any]) -> str:
    code = content.get("coupon_code")
    return f"Revealed the coupon {code}" if code else "Revealed a coupon"


def _label(verb: str) -> Callable[[Mapping[str, Any]], str]:
    def words(content: Mapping[str, Any]) -> str:
        label = content.get("label")
        name = label.get("page_label_name") if isinstance(label, Mapping) else None
        return f"Label “{name}” {verb}" if name else f"A label was {verb}"

    return words


def _came(content: Mapping[str, Any]) -> str:
    words = touch_words(content)
    return f"Came in: {words[0].lower()}{words[1:]}" if words else "Came in by a link"


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    given = value if isinstance(value, list) else []
    return [each for each in given if isinstance(each, Mapping)]


def _values(value: Any) -> list[Mapping[str, Any]]:
    return _mappings(list(value.values())) if isinstance(value, Mapping) else []


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


_NOTICES: Final[Mapping[str, tuple[str, str | Callable[[Mapping[str, Any]], str]]]] = {
    "account_linked": ("user", "Linked their account"),
    "account_unlinked": ("user", "Unlinked their account"),
    "coupon": ("tap", _coupon),
    "customer_information": ("file", _details),
    "feedback": ("question", _feedback),
    "game_play": ("play", "Played a game"),
    "label_added": ("page", _label("added")),
    "label_removed": ("page", _label("removed")),
    "lead_form": ("file", "Sent a lead form"),
    "opt_in": ("check", _opted_in),
    "opt_out": ("close", _opted_out),
    "referral": ("tap", _came),
    "response_feedback": ("question", _rated),
    "thread_passed": ("user", _passed),
    "thread_requested": ("user", _requested),
    "thread_taken": ("user", _taken),
}
