"""Meta's own templates: looked for, and made an account's."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.errors import ConflictError, GraphError, InvalidRequestError
from flask_messenger.replies.utility import clone_library_template, search_library
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.library import LibraryPage, Search, library_page
from flask_messenger.ui.reading import current_reader
from flask_messenger.ui.utility_templates import able_account_id, able_accounts


@bp.get("/settings/templates/library")
def template_library() -> ResponseReturnValue:
    """Show what Meta has that fits; nothing before something was looked for."""
    tenant = require_permission("settings")
    search = _search()
    if not search.account_id:
        return _render(library_page(search, None, able_accounts(), current_reader()))
    session = state().db.session
    try:
        account_id = able_account_id(search.account_id)
        session.rollback()
        found = search_library(
            current_application(),
            tenant=tenant,
            account_id=account_id,
            words=search.words or None,
            language=search.language or None,
        )
    except (InvalidRequestError, ConflictError) as error:
        return _refused(search, str(error)), error.status
    except GraphError as error:
        return _refused(search, error.agent_text), 502
    return _render(library_page(search, found, able_accounts(), current_reader()))


@bp.post("/settings/templates/library")
def take_template() -> ResponseReturnValue:
    """Make one of Meta's own the account's."""
    tenant = require_permission("settings")
    given, session = request.form, state().db.session
    search = Search(account_id=given.get("account_id", ""), language=given.get("language", ""))
    try:
        account_id = able_account_id(search.account_id)
        session.rollback()
        clone_library_template(
            current_application(),
            tenant=tenant,
            account_id=account_id,
            library_name=given.get("library_name", ""),
            name=given.get("name", "").strip(),
            language=search.language,
        )
    except (InvalidRequestError, ConflictError) as error:
        return _refused(search, str(error)), error.status
    except GraphError as error:
        return _refused(search, error.agent_text), 502
    return redirect(url_for("messenger_ui.templates", notice="proposed"), code=303)


def _search() -> Search:
    given = request.args
    return Search(
        account_id=given.get("account_id", ""),
        words=given.get("words", "").strip(),
        language=given.get("language", "").strip(),
    )


def _refused(search: Search, problem: str) -> str:
    state().db.session.rollback()
    return _render(library_page(search, None, able_accounts(), current_reader(), problem=problem))


def _render(view: LibraryPage) -> str:
    return render_template("messenger/template_library.html", fm_view=view)
