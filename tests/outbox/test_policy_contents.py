"""The policy, content by content and channel by channel; and what keeps a message in beside it."""

from datetime import UTC, datetime, timedelta

import pytest

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.outbox import policy, policy_table
from flask_messenger.outbox.ownership import FREE, OURS, PAGE_INBOX, THEIRS, control_of
from flask_messenger.outbox.policy import decide

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
WEEK = timedelta(days=7)
CONTENTS = sorted(
    {name for rows in policy.WINDOWS.values() for each in rows for name in each.contents}
)


def ask(content_class="message", *, channel="facebook", ago=None, commented=None, **values):
    values = {"sender": "person", "human_agent_enabled": True} | values
    return decide(
        channel=channel,
        last_inbound_at=None if ago is None else NOW - ago,
        commented_at=None if commented is None else NOW - commented,
        content_class=content_class,
        now=NOW,
        **values,
    )


def test_every_channel_has_a_policy():
    assert set(policy.WINDOWS) == set(CHANNELS)


@pytest.mark.parametrize("sender", ["person", "bot"])
@pytest.mark.parametrize("ago", [None, timedelta(0), timedelta(days=400)])
def test_utility_template_goes_out_at_any_time(sender, ago):
    decision = ask("utility", ago=ago, sender=sender, human_agent_enabled=False)

    assert (decision.allowed, decision.window, decision.tag) == (True, "template", None)
    assert decision.closes_at is None


@pytest.mark.parametrize("content_class", ["utility", "feedback"])
@pytest.mark.parametrize("ago", [DAY, timedelta(days=3)])
def test_instagram_has_neither_utility_templates_nor_surveys(content_class, ago):
    decision = ask(content_class, channel="instagram", ago=ago)

    assert decision.reason == "not_on_channel"


@pytest.mark.parametrize("sender", ["person", "bot"])
def test_feedback_goes_without_a_tag_first_and_with_its_own_for_seven_days(sender):
    early = ask("feedback", ago=DAY - INSTANT, sender=sender)
    late = ask("feedback", ago=WEEK - INSTANT, sender=sender)
    over = ask("feedback", ago=WEEK, sender=sender)

    assert (early.window, early.tag) == ("standard", None)
    assert (late.window, late.tag, late.closes_at) == (
        "feedback",
        "CUSTOMER_FEEDBACK",
        NOW + INSTANT,
    )
    assert over.reason == "window_closed"


@pytest.mark.parametrize("channel", sorted(policy.WINDOWS))
@pytest.mark.parametrize("sender", ["person", "bot"])
def test_comment_is_answered_in_private_for_seven_days_whoever_wrote_before(channel, sender):
    values = {"channel": channel, "sender": sender, "ago": None}

    assert ask("private_reply", commented=WEEK - INSTANT, **values).window == "comment"
    over = ask("private_reply", commented=WEEK, **values)
    assert (over.reason, over.closes_at) == ("comment_too_old", NOW)


def test_comment_of_a_live_video_is_answered_in_private_while_it_can_be_live():
    assert ask("live_private_reply", channel="instagram", commented=3 * HOUR).allowed
    assert ask("live_private_reply", channel="instagram", commented=4 * HOUR).reason == (
        "comment_too_old"
    )
    assert ask("live_private_reply", channel="facebook", commented=6 * DAY).allowed


@pytest.mark.parametrize("channel", sorted(policy.WINDOWS))
def test_public_answer_has_no_window(channel):
    decision = ask("public_reply", channel=channel, sender="bot", thread_owner=THEIRS)

    assert (decision.allowed, decision.closes_at) == (True, None)


def test_unknown_content_does_not_go_out():
    assert ask("balloon", ago=HOUR).reason == "not_on_channel"


@pytest.mark.parametrize("content_class", ["message", "feedback", "utility"])
def test_thread_of_another_app_is_left_to_it(content_class):
    taken = ask(content_class, ago=HOUR, thread_owner=THEIRS)

    assert (taken.allowed, taken.reason) == (False, "thread_taken")
    assert "Take control" in taken.remedy
    for owner in (OURS, FREE):
        assert ask(content_class, ago=HOUR, thread_owner=owner).allowed


def test_closed_window_is_said_before_whose_thread_it_is():
    assert ask(ago=8 * DAY, thread_owner=THEIRS).reason == "window_closed"


def test_private_reply_needs_no_control():
    assert ask("private_reply", commented=HOUR, thread_owner=THEIRS).allowed


def test_bot_is_quiet_while_a_person_answers():
    until = NOW + HOUR

    paused = ask(ago=HOUR, sender="bot", bot_paused_until=until)
    assert (paused.allowed, paused.reason) == (False, "bot_paused")
    assert ask(ago=HOUR, sender="person", bot_paused_until=until).allowed
    assert ask(ago=HOUR, sender="bot", bot_paused_until=NOW).allowed


@pytest.mark.parametrize("content_class", CONTENTS)
@pytest.mark.parametrize("channel", sorted(policy.WINDOWS))
def test_blocked_account_sends_nothing(channel, content_class):
    decision = ask(content_class, channel=channel, ago=HOUR, commented=HOUR, is_blocked=True)

    assert decision.reason == "account_blocked"


def test_no_row_goes_out_with_a_tag_that_has_ended():
    ended = {each.tag for each in policy_table.ENDED_TAGS if each.ended <= NOW}
    used = {each.tag for rows in policy.WINDOWS.values() for each in rows if each.is_in_force(NOW)}

    assert ended
    assert not ended & used


def owner(**values):
    values = {
        "app_id": PAGE_INBOX,
        "until": None,
        "noted_at": NOW - HOUR,
        "last_inbound_at": None,
        "our_app_ids": {"4242"},
        "now": NOW,
    } | values
    return control_of(**values)


@pytest.mark.parametrize("app_id", [None, ""])
def test_thread_nobody_was_named_for_is_free(app_id):
    assert owner(app_id=app_id).owner == FREE


def test_thread_is_ours_or_theirs_by_the_app():
    assert owner(app_id="4242").owner == OURS
    assert owner().owner == THEIRS
    assert owner(our_app_ids=()).owner == THEIRS
    assert owner().name == "the Page's inbox at Meta"
    assert owner(app_id="77").name == "another app"


def test_control_ends_when_meta_says_so():
    assert owner(until=NOW + INSTANT).owner == THEIRS
    assert owner(until=NOW).owner == FREE


def test_control_without_an_end_lasts_a_day_after_the_person_last_wrote():
    assert owner(noted_at=NOW - DAY).owner == FREE
    written = owner(noted_at=NOW - 3 * DAY, last_inbound_at=NOW - HOUR)
    assert (written.owner, written.until) == (THEIRS, NOW + 23 * HOUR)
