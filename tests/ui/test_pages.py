"""What holds for every page in every state, read from the HTML itself."""

import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.ui.bundle import STATIC
from flask_messenger.ui.presenters.people import COLOURS
from tests.ui.gallery import STATES_BY_NAME, gallery_app

VOID = {"br", "hr", "img", "input", "link", "meta"}
LABELLED = {"button", "input", "select", "textarea"}


class Page(HTMLParser):
    """Collects what the tests ask of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.open: list[str] = []
        self.unclosed: list[str] = []
        self.words: dict[int, str] = {}
        self._inside: list[int] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and tag != "use":
            self.open.append(tag)
            self._inside.append(len(self.tags) - 1)

    def handle_endtag(self, tag: str) -> None:
        if tag == "use":
            return
        if not self.open or self.open[-1] != tag:
            self.unclosed.append(f"</{tag}> inside <{self.open[-1] if self.open else ''}>")
            return
        self.open.pop()
        self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style") and data.strip():
            self.inline.append(data)
        for index in self._inside:
            self.words[index] = self.words.get(index, "") + data

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.tags if "id" in attrs]


@pytest.fixture(scope="module")
def app() -> Flask:
    return gallery_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(params=STATES_BY_NAME)
def page(request: pytest.FixtureRequest, client: FlaskClient) -> Page:
    answer = client.get(f"/{request.param}")
    assert answer.status_code == 200
    return Page(answer.text)


def test_every_element_is_closed_where_it_belongs(page: Page) -> None:
    assert page.unclosed == []
    assert page.open == []


def test_nothing_is_inline(page: Page) -> None:
    assert page.inline == []
    for tag, attrs in page.tags:
        assert "style" not in attrs, tag
        assert not [name for name in attrs if name.startswith(("on", "hx-on"))], tag
        assert not (attrs.get("href") or "").startswith("javascript:")
        assert not (attrs.get("hx-vals") or "").startswith("js:")
        assert tag != "style"


def test_script_and_styles_are_our_own(page: Page) -> None:
    loaded = [attrs.get("src") for tag, attrs in page.tags if tag == "script"]
    loaded += [attrs.get("href") for tag, attrs in page.tags if tag == "link"]

    assert loaded
    assert all(url and url.startswith("/messenger/static/") for url in loaded)


def test_ids_are_unique(page: Page) -> None:
    ids = page.ids()

    assert sorted(set(ids)) == sorted(ids)


def test_every_reference_has_its_target(page: Page) -> None:
    ids = set(page.ids())
    for tag, attrs in page.tags:
        for name in (
            "for",
            "aria-controls",
            "aria-labelledby",
            "aria-describedby",
            "data-fm-open",
            "form",
        ):
            target = attrs.get(name)
            assert target is None or target in ids, f"{tag} {name}={target}"


def test_every_control_has_a_name(page: Page) -> None:
    labelled = {attrs.get("for") for tag, attrs in page.tags if tag == "label"}
    for index, (tag, attrs) in enumerate(page.tags):
        if tag not in LABELLED or attrs.get("type") == "hidden":
            continue
        named = (
            attrs.get("aria-label") or attrs.get("aria-labelledby") or attrs.get("id") in labelled
        )
        wrapped = attrs.get("id") == "fm-q" or (attrs.get("name") == "location_id")
        assert named or wrapped or page.words.get(index, "").strip(), (tag, attrs)


def test_every_form_that_changes_something_carries_a_token(client: FlaskClient) -> None:
    for name in STATES_BY_NAME:
        html = client.get(f"/{name}").text
        forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", html, re.DOTALL)
        assert all('name="csrf_token"' in form for form in forms), name


def test_our_classes_are_our_own(page: Page) -> None:
    for _, attrs in page.tags:
        for each in (attrs.get("class") or "").split():
            assert each == "fm" or each.startswith("fm-"), each


def test_pages_say_what_may_run(client: FlaskClient) -> None:
    policy = client.get("/inbox").headers["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "img-src 'self' data: blob: https: http://127.0.0.1:5001;" in policy
    assert "media-src 'self' blob: https: http://127.0.0.1:5001;" in policy
    assert "form-action 'self' http://127.0.0.1:5001;" in policy


def test_pages_are_not_kept_by_caches(client: FlaskClient) -> None:
    assert client.get("/inbox").headers["Cache-Control"] == "no-store"


def test_bundles_are_kept_for_ever(client: FlaskClient) -> None:
    sheet = next(STATIC.glob("messenger-style-*.css")).name

    with client.get(f"/messenger/static/{sheet}") as answer:
        assert answer.data.startswith(b"@font-face")

    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert "Content-Security-Policy" not in answer.headers


def test_a_host_may_put_its_own_page_around(tmp_path) -> None:
    app = gallery_app("host.html")
    app.template_folder = str(tmp_path)
    (tmp_path / "host.html").write_text(
        "<!doctype html><title>{% block title %}{% endblock %} - CRM</title>"
        "{% block head %}<link rel=icon href=/x>{% endblock %}"
        "<nav>CRM</nav>{% block content %}{% endblock %}"
        "{% block scripts %}<script src=/host.js></script>{% endblock %}"
    )

    html = app.test_client().get("/settings").text

    assert "<title>Integrations - CRM</title>" in html
    assert "<nav>CRM</nav>" in html
    assert "/host.js" in html
    assert "/x>" in html
    assert "messenger-style-" in html


def test_styles_stay_inside_our_part_of_the_page() -> None:
    sheet = next(STATIC.glob("messenger-style-*.css")).read_text("utf-8")

    outside = [
        rule for rule in selectors(sheet) if not re.match(r"\.fm(?![\w])|\.fm-chrome$", rule)
    ]

    assert outside == []


def selectors(sheet: str) -> list[str]:
    """Return each selector of a style sheet; those of keyframes and fonts are none."""
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    sheet = re.sub(r"@font-face\s*\{[^}]*\}", "", sheet)
    sheet = re.sub(r"@(?:media|supports)[^{]*\{", "", sheet)
    found = []
    for block in re.findall(r"([^{}]+)\{", sheet):
        found += [each.strip() for each in re.split(r",(?![^(]*\))", block) if each.strip()]
    return found


def test_styles_take_nothing_from_elsewhere() -> None:
    sheet = next(STATIC.glob("messenger-style-*.css")).read_text("utf-8")

    assert all(url.startswith(("./", "inter-")) for url in re.findall(r"url\(\"?([^)\"]+)", sheet))


def test_every_avatar_has_its_colour() -> None:
    sheet = next(STATIC.glob("messenger-style-*.css")).read_text("utf-8")

    assert all(f".fm-av-{number}{{" in sheet for number in range(COLOURS))


def test_every_icon_that_is_used_is_drawn(client: FlaskClient) -> None:
    sprite = next(STATIC.glob("icons-*.svg")).read_text("utf-8")
    drawn = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = set()
    for name in STATES_BY_NAME:
        used |= set(re.findall(r"icons-\w+\.svg#([\w-]+)", client.get(f"/{name}").text))

    assert used <= drawn


def test_script_evaluates_nothing_by_configuration() -> None:
    script = next(STATIC.glob("messenger-*.js")).read_text("utf-8")

    assert "http://" not in script.replace("http://www.w3.org", "")
    assert "localStorage.setItem" not in script
