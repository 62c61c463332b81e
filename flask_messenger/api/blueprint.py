"""The blueprint of the JSON API; the files beside this one hang their routes on it."""

from typing import Final, cast

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState

from flask_messenger.api.problems import handle_unmatched
from flask_messenger.api.security import protect_blueprint

URL_PREFIX: Final = "/api/messenger"

bp = Blueprint(
    "messenger_api",
    __name__,
    url_prefix=URL_PREFIX,
    template_folder="templates",
    static_folder="static",
)

# The document says nothing about anybody, and tools read it without a session.
protect_blueprint(bp, public=("show_document", "show_docs", "static"))


@bp.record_once
def _answer_unknown_addresses(setup: BlueprintSetupState) -> None:
    handle_unmatched(cast("Flask", setup.app), URL_PREFIX + "/")
