"""Every error a caller can meet, in one tree.

    MessengerError
    ├── ConfigurationError          the host has to change a setting
    ├── ScopeError                  a query ran without a workspace (a bug, never a user's fault)
    ├── SecretError                 a stored secret does not open
    ├── SignatureError              401: unsigned or wrongly signed
    ├── PayloadError                400: signed, but not what Meta sends
    │   └── PayloadTooLargeError    413
    ├── TooManyRequestsError        429: too many unsigned requests from one address
    ├── UnavailableError            503: nothing could take it durably
    │   ├── JournalUnavailableError     the database did not
    │   └── SpoolUnavailableError       nor did the spool
    ├── NotSignedInError            401
    ├── PermissionDeniedError       403
    ├── CsrfError                   403: perhaps another site made the request
    ├── TierError                   402: the plan does not have the feature
    ├── NotFoundError               404: does not exist, or belongs to somebody else
    ├── ConflictError               409
    ├── InvalidRequestError         422: names the field and how to mend it
    │   ├── ContentError            422: a message breaks a limit of its channel
    │   │   └── MissingVariableError    a variable of a template has no value
    │   └── ProfileError            422: what an account is to show breaks a limit; names each field
    ├── PolicyError                 409: Meta's policy window does not allow the message
    ├── FileError                   a file of a message is not to be had
    │   ├── FileRefusedError            422: it is not what we take, and never will be
    │   └── FileUnavailableError        retryable: whoever serves it did not
    ├── ConnectError                a connection attempt ended; `reason` says how
    └── GraphError                  Meta answered with an error, or did not answer
        ├── GraphUnavailableError       retryable: nothing was accepted
        │   └── FileNotFetchedError         Meta could not fetch the attachment
        ├── GraphTimeoutError           nobody knows whether it was accepted
        ├── RateLimitedError            retryable, later
        │   └── ThreadTakenError            somebody else has the conversation now
        ├── TokenExpiredError           the account has to be connected again
        ├── AppMisconfiguredError       our settings for Meta are wrong: the operator mends them
        ├── MissingPermissionError      a grant is missing
        │   └── AppNotApprovedError         Meta has not approved the app for it
        ├── WindowClosedError           Meta says the policy window is closed
        ├── RecipientUnavailableError   this person cannot be reached
        ├── AccountRestrictedError      Meta restricts the whole account
        │   └── AccountPausedError      retryable, much later: for a while
        └── InvalidGraphRequestError    we asked for something Graph refuses
            ├── CommentAnsweredError        a comment that cannot be answered in private
            └── RoutingRefusedError         a thread that this app may not have

A class exists because some caller does something different with it. No message of any of them
carries a token, a message text, a name or the id of a person.
"""

import uuid
from typing import ClassVar


class MessengerError(Exception):
    """Base of everything this package raises on purpose."""

    status: ClassVar[int] = 500
    """The HTTP status an answer with this error has."""
    slug: ClassVar[str] = "internal"
    """Stable, machine-readable name; the last part of the problem's `type`."""
    title: ClassVar[str] = "Something went wrong on our side."


class ConfigurationError(MessengerError):
    """A setting is missing or malformed; the message names it and says how to mend it."""

    slug = "configuration"
    title = "The server is not set up correctly."


class ScopeError(MessengerError):
    """A query on workspace data ran with no workspace in scope, or with a foreign one."""

    slug = "scope"


class SecretError(MessengerError):
    """A stored secret does not open: unknown key, altered, or copied from another row."""

    slug = "secret"


class SignatureError(MessengerError):
    """The request is not signed, or not by one of our Meta apps."""

    status = 401
    slug = "signature"
    title = "The signature is missing or wrong."


class PayloadError(MessengerError):
    """Signed, but not JSON or not Meta's envelope."""

    status = 400
    slug = "payload"
    title = "The body is not a webhook delivery."


class PayloadTooLargeError(PayloadError):
    """Larger than MESSENGER_WEBHOOK_MAX_BYTES."""

    status = 413
    slug = "payload_too_large"
    title = "The body is too large."


class TooManyRequestsError(MessengerError):
    """Too many requests from one address that nobody signed.

    Attributes:
        retry_after_seconds: when the address may try again.
    """

    status = 429
    slug = "too_many_requests"
    title = "Too many requests."

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(MessengerError):
    """A server of ours is away, full or too slow. Nothing was promised: send it again."""

    status = 503
    slug = "unavailable"
    title = "Please try again later."


class JournalUnavailableError(UnavailableError):
    """The database did not take a delivery, or nobody knows whether it did.

    Attributes:
        state: the database's own code, such as `53100` for a full disk; else the kind of the error.
    """

    slug = "journal_unavailable"

    def __init__(self, state: str) -> None:
        super().__init__("The journal is not available; please send it again.")
        self.state = state


class SpoolUnavailableError(UnavailableError):
    """The spool in Redis is away, full, or cannot promise to have it on disk.

    Attributes:
        reason: which of these, in a word.
    """

    slug = "spool_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__("Neither the journal nor the spool can take it; please send it again.")
        self.reason = reason


class NotSignedInError(MessengerError):
    """The host's `tenant_loader` knows nobody for this request."""

    status = 401
    slug = "not_signed_in"
    title = "Please sign in."


class PermissionDeniedError(MessengerError):
    """The tenant lacks a permission; the message names it."""

    status = 403
    slug = "permission_denied"
    title = "You may not do this."


class CsrfError(MessengerError):
    """A request that changes something does not carry the token of our pages."""

    status = 403
    slug = "csrf"
    title = "The request was not made by our pages."


class TierError(MessengerError):
    """The workspace's plan does not have a feature.

    Attributes:
        feature: the feature that was asked for, such as `facebook`.
        plan: the plan the workspace has.
        needed_plan: the lowest plan that has the feature; None where no plan has it.
    """

    status = 402
    slug = "plan_required"
    title = "Your plan does not have this."

    def __init__(self, *, feature: str, plan: str, needed_plan: str | None) -> None:
        where = f"The {needed_plan} plan has it" if needed_plan else "No plan has it"
        super().__init__(f"The feature {feature!r} is not part of the {plan} plan. {where}.")
        self.feature = feature
        self.plan = plan
        self.needed_plan = needed_plan


class NotFoundError(MessengerError):
    """No such thing for this tenant. The same answer whether it is foreign or does not exist."""

    status = 404
    slug = "not_found"
    title = "Not found."


class ConflictError(MessengerError):
    """The thing is not in a state in which this can be done."""

    status = 409
    slug = "conflict"
    title = "This cannot be done now."


class InvalidRequestError(MessengerError):
    """The request breaks a rule of ours.

    Attributes:
        field: the field that is wrong; None where the request as a whole is.
    """

    status = 422
    slug = "invalid_request"
    title = "The request is not valid."

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ContentError(InvalidRequestError):
    """A message breaks a limit of its channel; found before anything is stored.

    Attributes:
        problems: every field that is wrong, such as `buttons[1].title`, with what is wrong with
            it and how to mend it; `field` is the first of them.
    """

    slug = "invalid_content"
    title = "The message cannot be sent like this."

    def __init__(
        self, message: str, *, field: str | None = None, problems: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message, field=field)
        self.problems = problems or (((field, message),) if field else ())

    @property
    def errors(self) -> list[dict[str, str]] | None:
        """The problems as an answer has them; None where no field is named."""
        return [{"field": field, "message": message} for field, message in self.problems] or None


class MissingVariableError(ContentError):
    """A template asks for a variable that has no value; found before anything is sent.

    Attributes:
        variable: its name.
        remedy: what can be done, as a sentence.
    """

    slug = "missing_variable"
    title = "A variable has no value."

    def __init__(self, variable: str, *, field: str | None = None) -> None:
        super().__init__(f"The variable {variable!r} has no value here.", field=field)
        self.variable = variable
        self.remedy = f"Give it one, or say what stands for it: {{{{ {variable} | default('…') }}}}"


class ProfileError(InvalidRequestError):
    """What an account is to show in its chats breaks limits of its channel.

    Attributes:
        errors: every field that is wrong, as `{"field": …, "message": …}`.
    """

    slug = "invalid_profile"
    title = "The profile cannot be set like this."

    def __init__(self, errors: list[dict[str, str]]) -> None:
        first = errors[0]
        super().__init__(f"{first['field']}: {first['message']}", field=first["field"])
        self.errors = errors


class PolicyError(MessengerError):
    """Meta's policy does not allow this message now.

    Attributes:
        reason: machine-readable, such as `window_closed`.
        remedy: what the agent can do instead, as a sentence.
    """

    status = 409
    slug = "window_closed"
    title = "Meta's policy does not allow this message now."

    def __init__(self, message: str, *, reason: str, remedy: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy


class FileError(MessengerError):
    """A file of a message could not be fetched.

    Attributes:
        reason: stable and machine-readable; `media.words` has the words for people.
    """

    status = 422
    slug = "file"
    title = "The file cannot be had."

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class FileRefusedError(FileError):
    """A file is not what we take: too large, of another type, or from an address we do not ask."""

    slug = "file_refused"
    title = "The file is not what can be taken."


class FileUnavailableError(FileError):
    """Whoever serves a file did not; it may work another time."""

    slug = "file_unavailable"


class ConnectError(MessengerError):
    """A connection attempt ended without an account.

    Attributes:
        reason: stable and machine-readable; `connect.reasons` has the words for people.
        remedy: what the person can do, as a sentence.
        attempt_id: the attempt that ended; None where it is not known which.
    """

    status = 400
    slug = "connect"
    title = "The account could not be connected."

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        remedy: str | None = None,
        attempt_id: uuid.UUID | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy
        self.attempt_id = attempt_id


class GraphError(MessengerError):
    """Meta answered with an error, or did not answer.

    Attributes:
        code: Graph's `error.code`; None where there was no answer.
        subcode: Graph's `error.error_subcode`.
        trace_id: Graph's `fbtrace_id`, what Meta's support asks for.
        retry_after_seconds: how long Graph asks us to wait; None where it does not say.
    """

    status = 502
    slug = "graph"
    title = "Meta did not accept the request."
    retryable: ClassVar[bool] = False
    agent_text: ClassVar[str] = "Meta refused the message."
    """What an agent reads next to a message that failed for this reason."""

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        subcode: int | None = None,
        trace_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.trace_id = trace_id
        self.retry_after_seconds = retry_after_seconds

    @property
    def remedy(self) -> str:
        """What an agent reads next to it."""
        return self.agent_text


class GraphUnavailableError(GraphError):
    """Graph could not be reached or had a failure of its own; nothing was accepted."""

    slug = "graph_unavailable"
    retryable = True
    is_unreachable = False
    """Whether no connection was to be had: then it is nobody's call in particular that failed."""
    agent_text = "Meta could not be reached."


class FileNotFetchedError(GraphUnavailableError):
    """Meta could not fetch the file of a message; it may once more."""

    slug = "graph_file_not_fetched"
    agent_text = "Meta could not fetch the file."


class GraphTimeoutError(GraphError):
    """The request went out and no answer came back: it may have been accepted."""

    slug = "graph_timeout"
    agent_text = "Meta did not answer in time."


class RateLimitedError(GraphError):
    """Too many calls; wait and try again."""

    slug = "graph_rate_limited"
    retryable = True
    agent_text = "Meta was busy."


class ThreadTakenError(RateLimitedError):
    """Another app, or an automated flow, has the conversation now."""

    slug = "graph_thread_taken"
    agent_text = "Another app or an automation has this conversation now."


class TokenExpiredError(GraphError):
    """The token is dead; only a person can connect the account again."""

    slug = "graph_token_expired"
    agent_text = "The connection to Meta has ended. Reconnect the account."


class AppMisconfiguredError(GraphError):
    """Meta does not believe our app's own secret; nothing an agent or an admin does mends it."""

    slug = "graph_configuration"
    title = "The connection to Meta is not set up correctly."
    agent_text = "The connection to Meta is not set up correctly. Tell whoever runs this server."


class MissingPermissionError(GraphError):
    """A permission was not granted."""

    slug = "graph_permission"
    agent_text = "A permission is missing. Reconnect the account and allow it."


class AppNotApprovedError(MissingPermissionError):
    """Meta has not approved the app for this; connecting the account again changes nothing."""

    slug = "graph_app_not_approved"
    agent_text = "Meta has not approved the app for this. Tell whoever runs this server."


class WindowClosedError(GraphError):
    """Meta says that the policy window is closed."""

    slug = "graph_window_closed"
    agent_text = "The time to reply is over. You can answer when they write again."


class RecipientUnavailableError(GraphError):
    """This person cannot be reached: blocked us, gone, or unknown to Meta."""

    slug = "graph_recipient_unavailable"
    agent_text = "This person cannot receive messages now."


class AccountRestrictedError(GraphError):
    """Meta restricts the whole account from sending."""

    slug = "graph_account_restricted"
    agent_text = "Meta restricts this account from sending."


class AccountPausedError(AccountRestrictedError):
    """Meta keeps the account from sending for a while: half an hour, or hours."""

    slug = "graph_account_paused"
    retryable = True
    agent_text = "Meta keeps this account from sending for a while."


class InvalidGraphRequestError(GraphError):
    """Graph refuses the request as it is; sending it again changes nothing."""

    slug = "graph_invalid_request"
    agent_text = "Meta refused the message."


class CommentAnsweredError(InvalidGraphRequestError):
    """The comment cannot be answered in private: it was before, or is too old, or gone."""

    slug = "graph_comment_answered"
    agent_text = "This comment cannot be answered in private any more."


class RoutingRefusedError(InvalidGraphRequestError):
    """The app is not the account's default one, which alone may take threads."""

    slug = "graph_routing_refused"
    agent_text = (
        "Only the account's default app may do this."
        " An admin can choose it at Meta, in the settings of Conversation Routing."
    )
