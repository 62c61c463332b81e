"""The login dialog and the exchange of its code, with Authlib."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, session

from flask_messenger.errors import GraphError
from flask_messenger.graph.client import CONNECT_TIMEOUT_SECONDS
from flask_messenger.graph.error_codes import error_from_answer
from flask_messenger.graph.wire import error_from_failure
from flask_messenger.models.accounts import BY_FACEBOOK, BY_INSTAGRAM
from flask_messenger.settings import MetaApp, Settings

CODE_USED: Final = 36009
REDIRECT_MISMATCH: Final = 36008
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
        _register(
            registry,
            _client_name(meta_app, BY_FACEBOOK),
            credentials=(meta_app.app_id, meta_app.app_secret),
            authorize_url=f"{settings.dialog_url}/{settings.graph_version}/dialog/oauth",
            access_token_url=f"{settings.graph_url}/{settings.graph_version}/oauth/access_token",
        )
        if meta_app.instagram_app_id:
            _register(
                registry,
                _client_name(meta_app, BY_INSTAGRAM),
                credentials=(meta_app.instagram_app_id, meta_app.instagram_app_secret),
                authorize_url=f"{settings.instagram_dialog_url}/oauth/authorize",
                access_token_url=f"{settings.instagram_api_url}/oauth/access_token",
            )
    return registry


def open_dialog(
    registry: OAuth,
    meta_app: MetaApp,
    *,
    login: str,
    scopes: Iterable[str],
    state: str,
    redirect_uri: str,
    auth_type: str | None = None,
) -> str:
    """Bind `state` to this browser's session and return the address of the dialog.

    Args:
        registry: of `create_oauth`.
        meta_app: whose dialog.
        login: `facebook`, or `instagram` for Instagram's own.
        scopes: the permissions to ask for.
        state: what comes back with the person.
        redirect_uri: where they come back to.
        auth_type: `rerequest` for what was declined, `reauthorize` for access to data that ends.

    Source: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
    """
    client = _client(registry, meta_app, login)
    asked = _asked_of_instagram if login == BY_INSTAGRAM else _asked_of_facebook
    extra = asked(meta_app, scopes, auth_type)
    made = client.create_authorization_url(redirect_uri, state=state, **extra)
    _forget_old_dialogs()
    # Not `**made`: the whole address would fill the session cookie after a few attempts.
    client.save_authorize_data(state=state, redirect_uri=redirect_uri)
    return str(made["url"])


def is_of_this_session(registry: OAuth, meta_app: MetaApp, login: str, state: str) -> bool:
    """Say whether the dialog with `state` was opened by this browser."""
    client = _client(registry, meta_app, login)
    return client is not None and client.framework.get_state_data(session, state) is not None


def forget_dialog(registry: OAuth, meta_app: MetaApp, login: str, state: str) -> None:
    """Remove a dialog that ended without a code from this browser's session."""
    client = _client(registry, meta_app, login)
    client.framework.clear_state_data(session, state)


def exchange_code(
    registry: OAuth, meta_app: MetaApp, *, login: str, state: str, code: str, timeout_seconds: float
) -> dict[str, Any]:
    """Exchange a code for what Meta's token endpoint answers.

    Raises:
        GraphError: Meta refused the code, or could not be asked.
    """
    client = _client(registry, meta_app, login)
    opened = client.framework.get_state_data(session, state) or {}
    client.framework.clear_state_data(session, state)
    try:
        answer: dict[str, Any] = client.fetch_access_token(
            redirect_uri=opened.get("redirect_uri"),
            code=code.removesuffix("#_"),  # Instagram puts it behind the code, as a fragment
            timeout=(CONNECT_TIMEOUT_SECONDS, timeout_seconds),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise error_from_failure(error, repeatable=True) from None
    except (OAuthError, ValueError) as error:
        raise GraphError(f"Meta's token answer cannot be used ({type(error).__name__}).") from None
    return answer


def _register(
    registry: OAuth, name: str, *, credentials: tuple[str, str | None], **addresses: str
) -> None:
    client_id, client_secret = credentials
    registry.register(  # type: ignore[no-untyped-call]
        name,
        client_id=client_id,
        client_secret=client_secret,
        # In the body: Meta does not read the Basic header, and addresses end up in logs.
        client_kwargs={"token_endpoint_auth_method": "client_secret_post"},
        compliance_fix=_raise_our_errors,
        **addresses,
    )


def _asked_of_facebook(
    meta_app: MetaApp, scopes: Iterable[str], auth_type: str | None
) -> dict[str, str]:
    extra = {"auth_type": auth_type} if auth_type else {}
    if meta_app.login_config_id:
        # Facebook Login for Business: the configuration says which permissions.
        return extra | {
            "config_id": meta_app.login_config_id,
            "override_default_response_type": "true",
        }
    return extra | {"scope": ",".join(scopes)}


def _asked_of_instagram(
    _meta_app: MetaApp, scopes: Iterable[str], auth_type: str | None
) -> dict[str, str]:
    # Asked again or not: without it, whoever is logged in at Instagram would be taken.
    again = {"force_reauth": "true"} if auth_type else {}
    return again | {"scope": ",".join(scopes)}


def _client(registry: OAuth, meta_app: MetaApp, login: str) -> Any:
    return registry.create_client(_client_name(meta_app, login))  # type: ignore[no-untyped-call]


def _client_name(meta_app: MetaApp, login: str) -> str:
    suffix = "" if login == BY_FACEBOOK else f"_{login}"
    return f"messenger_{meta_app.name}{suffix}"


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
            raise error_from_answer(
                response.status_code, _as_graph_says(body), response.headers, repeatable=True
            )
        return response

    client.register_compliance_hook("access_token_response", check)


def _as_graph_says(body: Any) -> Any:
    """Return Instagram's own words for a refused code as Graph would say them.

    There is nothing but a sentence to tell the reasons apart by.
    """
    if not isinstance(body, Mapping) or "error_message" not in body:
        return body
    text = str(body["error_message"]).casefold()
    subcode = None
    if "redirect_uri" in text:
        subcode = REDIRECT_MISMATCH
    elif "code" in text and any(word in text for word in ("used", "expired", "not found")):
        subcode = CODE_USED
    return {"error": {"code": 100, "error_subcode": subcode}}


def _forget_old_dialogs() -> None:
    """Keep only the youngest dialogs of this browser."""
    mine = [key for key in session if key.startswith("_state_messenger_")]
    by_age = sorted(mine, key=lambda key: session[key].get("exp", 0), reverse=True)
    for key in by_age[OPEN_ATTEMPTS - 1 :]:
        session.pop(key)
