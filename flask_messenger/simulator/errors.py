"""Graph's errors: one class, one function for each thing that can be wrong.

The codes and subcodes are the published ones; the wording follows Graph's so
that a person who searches for it finds what others wrote about it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask_messenger.simulator import ids

OAUTH = "OAuthException"
METHOD = "GraphMethodException"


class GraphError(Exception):
    """What Graph answers instead of a result."""

    def __init__(
        self,
        message: str,
        *,
        code: int,
        subcode: int | None = None,
        kind: str = OAUTH,
        status: int = HTTPStatus.BAD_REQUEST,
        is_transient: bool | None = None,
        user_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.subcode = subcode
        self.kind = kind
        self.status = int(status)
        self.is_transient = is_transient
        self.user_message = user_message

    def body(self) -> dict[str, Any]:
        """Return the JSON answer, with a fresh trace id."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.is_transient is not None:
            error["is_transient"] = self.is_transient
        if self.user_message is not None:
            error["error_user_title"] = "Something is not right"
            error["error_user_msg"] = self.user_message
        error["fbtrace_id"] = ids.new_trace_id()
        return {"error": error}


def unknown_path(path: str) -> GraphError:
    """Return the answer to an endpoint or a version that does not exist."""
    return GraphError(f"Unknown path components: /{path}", code=2500)


def unsupported_request(method: str, node: str) -> GraphError:
    """Return the answer to a node that is missing, hidden, or takes no such method."""
    return GraphError(
        f"Unsupported {method.lower()} request. Object with ID '{node}' does not exist, cannot be"
        " loaded due to missing permissions, or does not support this operation. Please read the"
        " Graph API documentation at https://developers.facebook.com/docs/graph-api",
        code=100,
        subcode=33,
        kind=METHOD,
    )


def invalid(message: str, subcode: int | None = None) -> GraphError:
    """Return the answer to a parameter that Graph cannot take."""
    return GraphError(f"(#100) {message}", code=100, subcode=subcode)


def missing(parameter: str) -> GraphError:
    """Return the answer to a required parameter that is not there."""
    return invalid(f"The parameter {parameter} is required")


def unknown_keys(keys: list[str], place: str) -> GraphError:
    """Return the answer to keys that mean nothing where they are."""
    names = ", ".join(f'"{key}"' for key in keys)
    return invalid(f'Invalid keys {names} were found in param "{place}".')


def no_field(field: str, node_type: str) -> GraphError:
    """Return the answer to a field that the node does not have."""
    return GraphError(
        f"(#100) Tried accessing nonexisting field ({field}) on node type ({node_type})", code=100
    )


def no_token() -> GraphError:
    """Return the answer to a call without a token."""
    return GraphError(
        "An active access token must be used to query information about the current user.",
        code=2500,
    )


def unreadable_token() -> GraphError:
    """Return the answer to a token that Graph never issued."""
    return GraphError(
        "Invalid OAuth access token - Cannot parse access token",
        code=190,
        status=HTTPStatus.UNAUTHORIZED,
    )


DEAD_TOKEN_REASONS = {
    458: "The user has not authorized application.",
    459: "You cannot access the app till you log in to www.facebook.com and follow instructions.",
    460: (
        "The session has been invalidated because the user changed their password or Facebook"
        " has changed the session for security reasons."
    ),
    463: "Session has expired.",
    464: "Sessions for the user are not allowed because the user is not a confirmed user.",
    467: "The session is invalid because the user logged out.",
    492: "The session does not match current stored session: the user lost a role on the Page.",
}


def dead_token(subcode: int) -> GraphError:
    """Return the answer to a token that was good once; `subcode` says what ended it."""
    reason = DEAD_TOKEN_REASONS.get(subcode, "The access token is invalid.")
    return GraphError(f"Error validating access token: {reason}", code=190, subcode=subcode)


def page_token_required() -> GraphError:
    """Return the answer to a person's token where only a Page's will do."""
    return GraphError(
        "User Access Token Is Not Supported. A Page access token is required for this call.",
        code=190,
        subcode=2069032,
    )


def user_token_required() -> GraphError:
    """Return the answer to a Page's token where only a person's will do."""
    return GraphError("(#102) A user access token is required to request this resource.", code=102)


def app_token_required() -> GraphError:
    """Return the answer to any other token where only the app's will do."""
    return GraphError("(#15) This method must be called with an app access_token.", code=15)


def permission(code: int, message: str) -> GraphError:
    """Return the answer to a permission that nobody granted."""
    return GraphError(f"(#{code}) {message}", code=code, status=HTTPStatus.FORBIDDEN)


def missing_proof() -> GraphError:
    """Return the answer to a call from a server without `appsecret_proof`."""
    return GraphError(
        "API calls from the server require an appsecret_proof argument", code=100, kind=METHOD
    )


def wrong_proof() -> GraphError:
    """Return the answer to an `appsecret_proof` that does not fit the token."""
    return GraphError("Invalid appsecret_proof provided in the API argument", code=100, kind=METHOD)


def window_closed(*, is_instagram: bool = False) -> GraphError:
    """Return the answer to a message outside the standard messaging window."""
    return GraphError(
        "(#10) This message is sent outside of allowed window. Learn more about the new policy"
        " here: https://developers.facebook.com/docs/messenger-platform/policy-overview",
        code=10,
        subcode=2534022 if is_instagram else 2018278,
        status=HTTPStatus.FORBIDDEN,
    )


def not_the_owner(*, is_instagram: bool = False) -> GraphError:
    """Return the answer to a message in a conversation that another app controls."""
    message = "Message failed to send because another app is controlling this thread now."
    if is_instagram:
        return invalid(message, 2534037)
    return GraphError(f"(#10) {message}", code=10, subcode=2018300, status=HTTPStatus.FORBIDDEN)


def no_instagram_person() -> GraphError:
    """Return the answer to an IGSID that this account does not know."""
    return invalid("No matching Instagram user", 2534014)


def page_without_instagram() -> GraphError:
    """Return the answer to a call about Instagram on a Page that has no account there."""
    return invalid("The Page is not linked to an Instagram account", 2534013)


def messages_not_allowed() -> GraphError:
    """Return the answer where the owner switched off "Allow access to messages"."""
    return GraphError(
        "(#200) The account owner has disabled access to messages",
        code=200,
        subcode=2534041,
        status=HTTPStatus.FORBIDDEN,
    )


def app_not_live() -> GraphError:
    """Return the answer to a message of an app that is still in development."""
    return GraphError(
        "(#200) Cannot message users who are not admins, developers or testers of the app until"
        " the pages_messaging permission is reviewed and the app is live.",
        code=200,
        subcode=2018028,
        status=HTTPStatus.FORBIDDEN,
    )


def comment_not_for_reply(*, is_instagram: bool) -> GraphError:
    """Return the answer to a private reply to a comment that takes none."""
    if is_instagram:
        return invalid("The comment is invalid for a private reply", 2534025)
    return GraphError("(#10903) This user cannot reply to this activity", code=10903)


def topic_stopped() -> GraphError:
    """Return the answer to a message of a topic that the person stopped."""
    return GraphError(
        "(#10) The person has stopped messages of this topic",
        code=10,
        subcode=1893015,
        status=HTTPStatus.FORBIDDEN,
    )


def replied_already() -> GraphError:
    """Return the answer to a second private reply."""
    return GraphError("(#10900) Activity already replied to", code=10900)


def rate_limited(code: int, subcode: int | None = None) -> GraphError:
    """Return the answer to too many calls."""
    return GraphError(
        f"(#{code}) Calls to this api have exceeded the rate limit.", code=code, subcode=subcode
    )


def message_gone() -> GraphError:
    """Return the answer to a message that was deleted, or is older than Graph tells."""
    return GraphError("(#9000001) The message was deleted", code=9000001)


def consent_needed() -> GraphError:
    """Return the answer about somebody on Instagram who never wrote to the account."""
    return GraphError(
        "(#230) User consent is required to access user profile",
        code=230,
        status=HTTPStatus.FORBIDDEN,
    )


def no_such_person() -> GraphError:
    """Return the answer to a recipient who never wrote to this Page."""
    return invalid("No matching user found", 2018001)


def person_unavailable() -> GraphError:
    """Return the answer to a recipient who blocked the Page or left."""
    return GraphError("(#551) This person isn't available right now.", code=551, subcode=1545041)
