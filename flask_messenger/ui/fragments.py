"""A part of a page, for our script, which puts it in its place."""

from typing import Any

from flask import Response, make_response, render_template, request


def fragment(template: str, **values: Any) -> Response:
    """Return a part of a page, or 304 where the page has it already.

    It goes to our script, which sends the token as a header: the forms need none, and without
    one the same state has the same text.
    """
    html = render_template(f"messenger/{template}", fm_csrf=None, **values)
    answer = make_response(html)
    answer.add_etag()
    answer.vary.update(["HX-Request", "HX-Target", "Cookie"])
    answer.make_conditional(request)
    return answer
