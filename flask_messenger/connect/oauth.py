"""The login dialog and the exchange of its code, with Authlib."""

from typing import Any, Final

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, session

from flask_messenger.errors import GraphError
from flask_messenger.graph.client import CONNECT_TIMEOUT_SECONDS, error_from_failure
from flask_messenger.graph.error_codes import error_from_answer
from flask_messenger.graph.users import UserToken, user_token_of
from flask_messenger.settings import MetaApp, Settings

SCOPES: Final = (
    "pages_show_list",
    "pages_messaging",
    "pages_manage_metadata",
    "pages_read_engagement",
)
REQUIRED_SCOPES: Final = SCOPES[:3]
"""Without these there are no Pages, no messages or no webhooks."""
OPEN_ATTEMPTS: Final = 4
"""Dialogs that one browser may have open at once: each takes room in its session cookie."""


def create_oauth(app: Flask, settings: Settings) -> OAuth:
    """Return the registry of one application's Meta apps.

    `OAuth.init_app` would put it where the host's own registry belongs, so only its reference to
    the application is set.
    """
    registry = OAuth()
    registry.app = app
    for meta_app in settings.apps.values():
        registry.register(  # type: ignore[no-untyped-call]
            _client_name(meta_app),
            client_id=meta_app.app_id,
            client_secret=meta_app.app_secret,
            authorize_url=f"{settings.dialog_url}/{settings.graph_version}/dialog/oauth",
            access_token_url=f"{settings.graph_url}/{settings.graph_version}/oauth/access_token",
            # In the body: Meta does not read the Basic header, and addresses end up in logs.
            client_kwargs={"token_endpoint_auth_method": "client_secret_post"},
            compliance_fix=_raise_our_errors,
        )
    return registry


def open_dialog(
    registry: OAuth, meta_app: MetaApp, *, state: str, redirect_uri: str, asks_again: bool
) -> str:
    """Bind `state` to this browser's session and return the address of the dialog.

    Source: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
    """
    client = _client(registry, meta_app)
    extra: dict[str, str] = {"auth_type": "rerequest"} if asks_again else {}
    if meta_app.login_config_id:
        # Facebook Login for Business: the configuration says which permissions.
        extra |= {
            "config_id": meta_app.login_config_id,
            "override_default_response_type": "true",
        }
    else:
        extra["scope"] = ",".join(SCOPES)
    made = client.create_authorization_url(redirect_uri, state=state, **extra)
    _forget_old_dialogs()
    # Not `**made`: the whole address would fill the session cookie after a few attempts.
    client.save_authorize_data(state=state, redirect_uri=redirect_uri)
    return str(made["url"])


def is_of_this_session(registry: OAuth, meta_app: MetaApp, state: str) -> bool:
    """Say whether the dialog with `state` was opened by this browser."""
    client = _client(registry, meta_app)
    return client.framework.get_state_data(session, state) is not None


def forget_dialog(registry: OAuth, meta_app: MetaApp, state: str) -> None:
    """Remove a dialog that ended without a code from this browser's session."""
    client = _client(registry, meta_app)
    client.framework.clear_state_data(session, state)


def exchange_code(registry: OAuth, meta_app: MetaApp, *, timeout_seconds: float) -> UserToken:
    """Exchange the code in the current request for the person's token.

    Raises:
        GraphError: Meta refused the code, or could not be asked.
    """
    client = _client(registry, meta_app)
    try:
        answer: dict[str, Any] = client.authorize_access_token(
            timeout=(CONNECT_TIMEOUT_SECONDS, timeout_seconds), allow_redirects=False
        )
    except requests.RequestException as error:
        raise error_from_failure(error, repeatable=True) from None
    except (OAuthError, ValueError) as error:
        raise GraphError(f"Meta's token answer cannot be used ({type(error).__name__}).") from None
    token = user_token_of(answer)
    if not token.value:
        raise GraphError("Meta's token answer holds no token.")
    return token


def _client(registry: OAuth, meta_app: MetaApp) -> Any:
    return registry.create_client(_client_name(meta_app))  # type: ignore[no-untyped-call]


def _client_name(meta_app: MetaApp) -> str:
    return f"messenger_{meta_app.name}"


def _raise_our_errors(client: Any) -> None:
    """Have Authlib show us the raw answer first: Graph's `error` is not what OAuth 2 says."""

    def check(response: requests.Response) -> requests.Response:
        try:
            body = response.json()
        except ValueError:
            body = None
        if (
            response.status_code != requests.codes.ok
            or not isinstance(body, dict)
            or "error" in body
        ):
            raise error_from_answer(response.status_code, body, response.headers, repeatable=True)
        return response

    client.register_compliance_hook("access_token_response", check)


def _forget_old_dialogs() -> None:
    """Keep only the youngest dialogs of this browser."""
    mine = [key for key in session if key.startswith("_state_messenger_")]
    by_age = sorted(mine, key=lambda key: session[key].get("exp", 0), reverse=True)
    for key in by_age[OPEN_ATTEMPTS - 1 :]:
        session.pop(key)
