"""Graph's errors by name, so that a test or the control page can ask for any of them.

A name is `code` or `code/subcode`; the readable ones stand beside it. The codes and subcodes are
those of Meta's published pages and the words are ours.
Source: https://developers.facebook.com/docs/messenger-platform/error-codes
"""

from __future__ import annotations

from dataclasses import dataclass

TRANSIENT_CODES = {1, 2, 4, 17, 32, 341, 613, 1200}


@dataclass(frozen=True, slots=True)
class NamedError:
    """One error of Graph's, ready to be answered."""

    name: str
    code: int
    subcode: int | None
    message: str

    @property
    def key(self) -> str:
        """Code and subcode as one word."""
        return str(self.code) if self.subcode is None else f"{self.code}/{self.subcode}"

    @property
    def is_transient(self) -> bool:
        """Whether Graph says that the same call may work later."""
        return self.code in TRANSIENT_CODES and self.subcode not in {2018382, 2018344}


ROWS: tuple[tuple[str, int, int | None, str], ...] = (
    ("unknown", 1, None, "An unknown error occurred"),
    ("batch_glitch", 1, 1357046, "Some messages of the batch may have been sent"),
    ("form_not_eligible", 1, 2018382, "The instant form is not eligible"),
    ("service_unavailable", 2, None, "Service temporarily unavailable"),
    ("label_terms", 2, 2018344, "The terms of labels must be accepted first"),
    ("unknown_method", 3, None, "Application does not have the capability to make this call"),
    ("app_limit", 4, None, "Application request limit reached"),
    ("too_many_sends", 4, 2018022, "Too many send requests to phone numbers"),
    ("marketing_delay", 4, 2018354, "The minimum delay between marketing messages has not passed"),
    ("optin_requests", 9, 2018352, "Too many opt-in requests to this person"),
    ("no_permission", 10, None, "Application does not have permission for this action"),
    ("window_old", 10, 2018065, "This message is sent outside of allowed window"),
    ("window", 10, 2018278, "This message is sent outside of allowed window"),
    ("cannot_receive", 10, 2018108, "This person cannot receive messages from you right now"),
    ("instagram_window", 10, 2534022, "This message is sent outside of allowed window"),
    ("not_owner", 10, 2018300, "Another app is controlling this thread now"),
    ("automated_flow", 10, 2018321, "An automated flow is in progress in this thread"),
    ("page_restricted", 10, 1893063, "The Page is temporarily restricted from sending messages"),
    ("instagram_blocked", 100, 2534029, "The business is blocked from sending messages"),
    ("instagram_blocked_too", 10, 2534122, "The business is blocked from sending messages"),
    ("instagram_link", 10, 2534077, "The link between Page and account needs attention"),
    ("optin_restricted", 10, 1404170, "The Page is restricted from asking for opt-ins"),
    ("topic_stopped", 10, 1893015, "The person stopped messages of this topic"),
    ("europe_rules", 10, 2018336, "The feature is not available in this thread"),
    ("user_limit", 17, None, "User request limit reached"),
    ("ads_user_limit", 17, 2446079, "User request limit reached"),
    ("page_limit", 32, None, "Page request limit reached"),
    ("missing_object", 33, None, "The object does not exist"),
    ("invalid", 100, None, "Invalid parameter"),
    ("hidden_object", 100, 33, "Unsupported request. The object does not exist"),
    ("no_such_person", 100, 2018001, "No matching user found"),
    ("fetch_failed", 100, 2018008, "Failed to fetch the file from the url"),
    ("action_with_message", 100, 2018014, "Cannot provide both message and sender_action"),
    ("wrong_media_type", 100, 2018047, "Upload attachment failure"),
    ("attachment_id", 100, 2018074, "Invalid attachment ID, or the caller does not own it"),
    ("attachment_too_big", 100, 2018109, "The attachment is too big"),
    ("no_get_started", 100, 2018145, "A Get Started button is needed before a menu"),
    ("wrong_app", 100, 2018164, "The app is not one of this Page"),
    ("media_template", 100, 2018173, "Invalid media template"),
    ("no_profile", 100, 2018218, "There is no profile available for this user"),
    ("profile_field", 100, 2018247, "Insufficient permission to access user profile"),
    ("tag_not_approved", 100, 2018276, "The app is not approved to use this message tag"),
    ("tag_not_approved_too", 100, 2018304, "The app is not approved to use this message tag"),
    ("video_timeout", 100, 2018294, "The video took too long to process, or is corrupt"),
    ("product", 100, 2018320, "Invalid product id"),
    ("page_without_instagram", 100, 2534013, "The Page is not linked to an Instagram account"),
    ("no_instagram_person", 100, 2534014, "No matching Instagram user"),
    ("instagram_message", 100, 2534015, "Invalid message data for Instagram"),
    ("comment_for_reply", 100, 2534025, "The comment is invalid for a private reply"),
    ("instagram_not_owner", 100, 2534037, "Another app is controlling this thread now"),
    ("code_expired", 100, 36007, "This authorization code has expired"),
    ("code_mismatch", 100, 36008, "The redirect_uri is not that of the dialog"),
    ("code_used", 100, 36009, "This authorization code has been used"),
    ("session", 102, None, "Session key invalid or no longer valid"),
    ("proof", 104, None, "Incorrect signature"),
    ("token", 190, None, "Invalid OAuth access token"),
    ("app_removed", 190, 458, "The user has not authorized application"),
    ("checkpoint", 190, 459, "The user must log in at www.facebook.com first"),
    ("password_changed", 190, 460, "The session was invalidated"),
    ("token_expired", 190, 463, "Session has expired"),
    ("unconfirmed", 190, 464, "The user is not a confirmed user"),
    ("logged_out", 190, 467, "The session is invalid because the user logged out"),
    ("second_factor", 190, 490, "The user must pass two-factor authentication"),
    ("role_lost", 190, 492, "The user lost a role on the Page"),
    ("page_token_needed", 190, 2069032, "A Page access token is required for this call"),
    ("permission", 200, None, "Permissions error"),
    ("unavailable_too", 200, 1545041, "This person isn't available right now"),
    ("phone_matching", 200, 2018021, "Phone number matching is not allowed"),
    ("phone_matching_too", 200, 2018027, "Phone number matching is not allowed"),
    ("not_a_tester", 200, 2018028, "Cannot message users who are not testers of the app"),
    ("messages_disabled", 200, 2534041, "The account owner has disabled access to messages"),
    ("consent", 230, None, "User consent is required to access user profile"),
    ("app_wide_limit", 341, None, "Application limit reached"),
    ("policy_block", 368, None, "Temporarily blocked for policies violations"),
    ("unavailable", 551, 1545041, "This person isn't available right now"),
    ("custom_limit", 613, None, "Calls to this api have exceeded the rate limit"),
    ("optin_twice", 613, 1893016, "The person was asked for this topic already"),
    ("tag_abuse", 613, 2018338, "Message tags are used abusively for this person"),
    ("instagram_limit", 613, 2534040, "Calls to this api have exceeded the rate limit"),
    ("alias", 803, None, "Some of the aliases you requested do not exist"),
    ("send_failure", 1200, None, "Temporary send message failure. Please try again later"),
    ("commerce", 2022, None, "Messages are disabled after a violation of the commerce policy"),
    ("unknown_path", 2500, None, "Unknown path components"),
    ("linking_token", 10303, None, "Invalid account_linking_token"),
    ("replied_already", 10900, None, "Activity already replied to"),
    ("cannot_reply", 10903, None, "This user cannot reply to this activity"),
    ("instagram_not_eligible", 36103, None, "The account is not eligible for the API"),
    ("routing_only", 2018171, None, "Only for apps that route conversations"),
    ("no_profile_code", 2018218, None, "There is no profile available for this user"),
    ("profile_field_code", 2018247, None, "Insufficient permission to access user profile"),
    ("not_owner_code", 2018300, None, "Another app is controlling this thread now"),
    ("automated_flow_code", 2018321, None, "An automated flow is in progress in this thread"),
    ("message_deleted", 9000001, None, "The message was deleted"),
    ("limit_page", 80001, None, "There have been too many calls to this Page account"),
    ("limit_instagram", 80002, None, "There have been too many calls to this Instagram account"),
    ("limit_leads", 80005, None, "There have been too many calls for leads"),
    ("limit_messenger", 80006, None, "There have been too many messages from this Page"),
)
NAMED = tuple(NamedError(*row) for row in ROWS)
_BY_NAME = {error.name: error for error in NAMED} | {error.key: error for error in NAMED}


def find_named(name: str) -> NamedError | None:
    """Return the error called `name`, or `code` or `code/subcode`."""
    return _BY_NAME.get(name)
