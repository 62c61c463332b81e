"""Meta's two callbacks with a `signed_request`: the person removed the app, or wants deletion."""

from __future__ import annotations

import threading
from typing import Any

import requests

from flask_messenger.simulator import instagram_grants, wire
from flask_messenger.simulator.grants import app_scoped_id
from flask_messenger.simulator.state import SimulatorState

ANSWER_SECONDS = 10
SHOWN_CHARACTERS = 500


def send_deauthorize(state: SimulatorState, person: str, app_id: str) -> dict[str, Any]:
    """Tell the app that the person removed it; return what it answered."""
    url, form = _signed_form(state, app_id, app_scoped_id(person, app_id), "deauthorize_url")
    return _post(url, form)


def send_deauthorize_later(state: SimulatorState, person: str, app_id: str) -> None:
    """Tell the app in the background, so that the call that caused it is answered first."""
    url, form = _signed_form(state, app_id, app_scoped_id(person, app_id), "deauthorize_url")
    _post_later(url, form)


def send_data_deletion(state: SimulatorState, person: str, app_id: str) -> dict[str, Any]:
    """Ask the app to delete the person's data; return its answer with `url` and code."""
    url, form = _signed_form(state, app_id, app_scoped_id(person, app_id), "data_deletion_url")
    return _post(url, form)


def send_instagram_deauthorize(
    state: SimulatorState, instagram_id: str, app_id: str
) -> dict[str, Any]:
    """Tell the app's Instagram product that the account removed it; return what it answered."""
    return _post(*_instagram_form(state, instagram_id, app_id, "instagram_deauthorize_url"))


def send_instagram_deauthorize_later(state: SimulatorState, instagram_id: str, app_id: str) -> None:
    """Tell the app's Instagram product in the background."""
    _post_later(*_instagram_form(state, instagram_id, app_id, "instagram_deauthorize_url"))


def send_instagram_data_deletion(
    state: SimulatorState, instagram_id: str, app_id: str
) -> dict[str, Any]:
    """Ask the app's Instagram product to delete the account's data; return its answer."""
    return _post(*_instagram_form(state, instagram_id, app_id, "instagram_data_deletion_url"))


def _instagram_form(
    state: SimulatorState, instagram_id: str, app_id: str, address: str
) -> tuple[str, dict[str, str]]:
    user_id = instagram_grants.app_scoped_id(instagram_id, app_id)
    return _signed_form(state, app_id, user_id, address, key_column="instagram_app_secret")


def _signed_form(
    state: SimulatorState, app_id: str, user_id: str, address: str, *, key_column: str = "secret"
) -> tuple[str, dict[str, str]]:
    """Return where a callback goes and what it carries; `key_column` is where the key is."""
    with state.storage.reading() as db:
        app = db.execute("SELECT * FROM apps WHERE id = ?", [app_id]).fetchone()
    return app[address], {"signed_request": wire.signed_request(app[key_column], user_id)}


def _post_later(url: str, form: dict[str, str]) -> None:
    threading.Thread(target=_post, args=[url, form], name="deauthorize", daemon=True).start()


def _post(url: str, form: dict[str, str]) -> dict[str, Any]:
    try:
        answer = requests.post(url, data=form, timeout=ANSWER_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return {"callback": url, "status": None, "problem": type(error).__name__}
    told: dict[str, Any] = {"callback": url, "status": answer.status_code}
    try:
        told["answer"] = answer.json()
    except ValueError:
        told["answer"] = answer.text[:SHOWN_CHARACTERS]
    return told
