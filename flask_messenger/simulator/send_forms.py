"""The templates that ask the person for something: a rating, an address, a form, an opt-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import errors, shapes

PLACE = "message[attachment][payload]"
FEEDBACK_KEYS = {
    "title",
    "subtitle",
    "button_title",
    "feedback_screens",
    "business_privacy",
    "expires_in_days",
}
QUESTION_KEYS = {"id", "type", "title", "score_label", "score_option", "follow_up"}
SCORE_OPTIONS = {
    "csat": ("one_to_five", "five_to_one", "two_star", "five_star", "five_emoji"),
    "nps": ("zero_to_ten",),
    "ces": ("one_to_seven",),
}
SCORE_LABELS = ("dis_sat", "neg_pos")
INFORMATION_KEYS = {"title", "countries", "business_privacy", "expires_in_days"}
INSTANT_FORM_KEYS = {"form_id"}
OPTIN_KEYS = {
    "title",
    "image_url",
    "payload",
    "notification_messages_timezone",
    "notification_messages_cta_text",
    "notification_messages_reoptin",
}
MAX_OPTIN_TITLE = 65


def check_feedback(payload: Mapping[str, Any], _channel: str) -> None:
    """Pass where `payload` is a survey of one question."""
    shapes.needed_text(payload, "title", PLACE, 65)
    shapes.text(payload, "subtitle", PLACE, 80)
    shapes.text(payload, "button_title", PLACE, 20)
    _check_privacy(payload)
    _check_days(payload)
    screens = shapes.several(payload.get("feedback_screens"), f"{PLACE}[feedback_screens]", 1, 1)
    place = f"{PLACE}[feedback_screens][0]"
    screen = shapes.thing(screens[0], place)
    shapes.only(screen, {"screen_id", "questions"}, place)
    questions = shapes.several(screen.get("questions"), f"{place}[questions]", 1, 1)
    _check_question(questions[0], f"{place}[questions][0]")


def check_information(payload: Mapping[str, Any], _channel: str) -> None:
    """Pass where `payload` is a form for an address."""
    shapes.text(payload, "title", PLACE, 80)
    countries = shapes.several(payload.get("countries"), f"{PLACE}[countries]", 1, 250)
    if not all(isinstance(one, str) and len(one) == 2 for one in countries):  # noqa: PLR2004
        raise errors.invalid(f"Param {PLACE}[countries] must have codes of two letters")
    _check_privacy(payload)
    _check_days(payload)


def check_instant_form(payload: Mapping[str, Any], _channel: str) -> None:
    """Pass where `payload` names a form."""
    if not str(payload.get("form_id") or ""):
        raise errors.missing(f"{PLACE}[form_id]")


def check_optin(payload: Mapping[str, Any], _channel: str) -> None:
    """Pass where `payload` asks whether marketing messages may be sent."""
    shapes.needed_text(payload, "title", PLACE, MAX_OPTIN_TITLE)
    shapes.needed_text(payload, "payload", PLACE, 1000)
    shapes.link(payload, "image_url", PLACE)
    shapes.text(payload, "notification_messages_timezone", PLACE, 80)


def _check_question(value: Any, place: str) -> None:
    question = shapes.thing(value, place)
    shapes.only(question, QUESTION_KEYS, place)
    shapes.needed_text(question, "id", place, 80)
    kind = shapes.word(question, "type", place, (*SCORE_OPTIONS, "free_form"))
    shapes.text(question, "title", place, 80)
    if kind in SCORE_OPTIONS:
        if "score_option" in question:
            shapes.word(question, "score_option", place, SCORE_OPTIONS[kind])
        if "score_label" in question:
            shapes.word(question, "score_label", place, SCORE_LABELS)
    if "follow_up" in question:
        follow_up = shapes.thing(question["follow_up"], f"{place}[follow_up]")
        shapes.only(follow_up, {"type", "placeholder"}, f"{place}[follow_up]")
        shapes.word(follow_up, "type", f"{place}[follow_up]", ["free_form"])


def _check_privacy(payload: Mapping[str, Any]) -> None:
    place = f"{PLACE}[business_privacy]"
    privacy = shapes.thing(payload.get("business_privacy"), place)
    shapes.only(privacy, {"url"}, place)
    if shapes.link(privacy, "url", place) is None:
        raise errors.missing(f"{place}[url]")


def _check_days(payload: Mapping[str, Any]) -> None:
    shapes.whole(payload, "expires_in_days", PLACE, lowest=1, highest=7)
