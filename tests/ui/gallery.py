"""Every state of every page, from made-up values: for the tests, and to look at.

`python -m tests.ui.gallery` serves them at http://127.0.0.1:5055/ (GALLERY_PORT changes the port).
"""

import os
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from flask import Flask, abort, render_template

from flask_messenger.graph.page_templates import LibraryTemplate
from flask_messenger.hooks import Hooks, Tenant
from flask_messenger.models import Account, Persona
from flask_messenger.replies.samples import fill_with_samples
from flask_messenger.settings import Settings
from flask_messenger.state import KEY, MessengerState
from flask_messenger.ui.blueprint import add_headers, bp, page_words
from flask_messenger.ui.presenters import drafts
from flask_messenger.ui.presenters.accounts import AccountPage, FindingView
from flask_messenger.ui.presenters.history import HistoryView, RunView
from flask_messenger.ui.presenters.inbox import (
    ActionView,
    AttachmentView,
    Choice,
    ComposerView,
    DayView,
    Filter,
    InboxView,
    ListView,
    MessageView,
    PersonView,
    Pill,
    RowView,
    StateView,
    Tab,
    ThreadView,
    WarningView,
)
from flask_messenger.ui.presenters.library import Search, library_page
from flask_messenger.ui.presenters.messages import days_of
from flask_messenger.ui.presenters.people import Avatar
from flask_messenger.ui.presenters.personas import PersonaDraft, personas_view
from flask_messenger.ui.presenters.proposing import ProposalDraft, proposal_page
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.replies import preview_view
from flask_messenger.ui.presenters.settings import (
    AccountView,
    ChannelView,
    ChoiceView,
    Fix,
    Lock,
    Notice,
    PageChoice,
    SettingsView,
)
from flask_messenger.ui.presenters.templates import (
    EditorView,
    TemplateRow,
    TemplatesPage,
    draft_preview,
    editor_view,
)
from tests.ui.kinds import BEGIN, rows_of_all_kinds

KEY_TEXT = "k1:" + "A" * 43 + "="


def _row(number: int, name: str, text: str, time: str, **more: Any) -> RowView:
    initials = "".join(word[0] for word in name.replace(".", " ").split()).upper()
    return RowView(
        **{
            "id": f"c{number}",
            "url": f"/messenger/inbox/c{number}",
            "thread_url": f"/messenger/inbox/c{number}/thread",
            "name": name,
            "avatar": Avatar(initials=initials, colour=number),
            "channel": "facebook",
            "channel_label": "Messenger",
            "text": text,
            "time": time,
            "time_iso": "2026-11-21T17:10:00Z",
            "unread": 0,
            "place": "Downtown · Iron Gym",
            **more,
        }
    )


ROWS = (
    _row(
        0, "Maya Okafor", "Is the 6 pm class still open tomorrow?", "2 min", unread=2, is_open=True
    ),
    _row(1, "Lena Vogel", "Replied to your story: 😍 when does it start", "9 min", unread=1),
    _row(
        2,
        "Tomás Duarte",
        "You: Here is the link to sign the waiver",
        "41 min",
        state_icon="checks",
        state_word="Read",
        state_kind="read",
        pills=(Pill(text="1 h 12 m left", icon="clock", kind="warn"),),
    ),
    _row(
        3,
        "Aiko Nakamura",
        "You: Thanks, see you Saturday!",
        "2 h",
        place="Harbour · Iron Gym",
        pills=(Pill(text="Not delivered", icon="warn", kind="bad"),),
    ),
    _row(4, "Priya Raman", "Sent a picture", "Yesterday", state_icon="check", state_word="Sent"),
    _row(
        5,
        "Jonas Berg",
        "Can I freeze my membership for a month?",
        "Tue",
        pills=(Pill(text="Snoozed to Mon", icon="moon"),),
    ),
)
TABS = (
    Tab(
        label="Mine",
        count=6,
        url="?tab=mine",
        fragment_url="/messenger/inbox/list",
        is_current=True,
    ),
    Tab(label="Unassigned", count=12, url="?tab=unassigned", fragment_url="/messenger/inbox/list"),
    Tab(label="All", count=148, url="?tab=all", fragment_url="/messenger/inbox/list"),
)
FILTERS = (
    Filter(
        name="status",
        label="Status",
        is_set=True,
        choices=(
            Choice(value="open", label="Open", chosen=True),
            Choice(value="closed", label="Closed"),
        ),
    ),
    Filter(name="channel", label="Channel", choices=(Choice(value="", label="All channels"),)),
    Filter(name="location", label="Location", choices=(Choice(value="", label="All locations"),)),
)
LIST = ListView(
    fragment_url="/messenger/inbox/list?tab=mine",
    tabs=TABS,
    filters=FILTERS,
    rows=ROWS,
    unread=3,
    more_url="/inbox-more",
)


def _message(number: int, text: str, *, inbound: bool = False, **more: Any) -> MessageView:
    return MessageView(
        **{
            "id": f"m{number}",
            "dom_id": f"fm-m-m{number}",
            "is_inbound": inbound,
            "look": "in" if inbound else "out",
            "text": text,
            "time": f"17:{number:02d}",
            "time_iso": f"2026-11-21T17:{number:02d}:00Z",
            **more,
        }
    )


READ = StateView(word="Read", icon="checks", kind="read")
MESSAGES = (
    _message(
        2,
        "Hi Maya! Welcome to Iron Gym. What can we help with?",
        look="other",
        author="Page inbox",
        author_icon="page",
        state=READ,
    ),
    _message(3, "Classes", inbound=True, note="tapped “Classes”"),
    _message(
        5,
        "Evening strength is Mon to Thu at 18:00, 60 minutes: https://irongym.example/classes/evening",
        author="You",
        state=READ,
    ),
    _message(
        9,
        "",
        inbound=True,
        attachments=(
            AttachmentView(
                kind="image",
                label="Picture",
                detail="Picture",
                icon="image",
                url="https://pictures.example/knee.jpg",
            ),
        ),
    ),
    _message(
        10,
        "Is the 6 pm class still open tomorrow? My knee is like this, would that be ok?",
        inbound=True,
    ),
    _message(
        11,
        "",
        inbound=True,
        attachments=(
            AttachmentView(
                kind="audio",
                label="Voice message",
                detail="Opens in a new tab",
                icon="play",
                url="https://x.example/a",
            ),
            AttachmentView(
                kind="fallback", label="A shared post", detail="Cannot be shown here", icon="file"
            ),
        ),
    ),
)
STATES = (
    _message(
        12, "Let me look.", author="Sam Reyes", state=StateView(word="Delivered", icon="checks")
    ),
    _message(13, "One moment.", author="You", state=StateView(word="Sent", icon="check")),
    _message(
        14,
        "It is open.",
        author="You",
        look="unsure",
        state=StateView(
            word="Could not confirm", icon="question", kind="warn", detail="Meta did not answer"
        ),
        actions=(
            ActionView(label="Send again", url="/x"),
            ActionView(label="Mark as sent", url="/y"),
        ),
    ),
    _message(
        15,
        "Yes, two places left. Shall I hold one for you?",
        author="You",
        look="bad",
        state=StateView(word="Not sent", icon="warn", kind="bad", detail="Meta was busy"),
        actions=(ActionView(label="Try again", url="/x"), ActionView(label="Discard", url="/y")),
    ),
    _message(16, "Or 7 pm?", author="You", state=StateView(word="Sending", icon="up")),
    _message(17, "Both are fine.", author="You", state=StateView(word="Queued", icon="clock")),
)
COMPOSER = ComposerView(
    send_url="/messenger/inbox/c0/messages",
    typing_url="/messenger/inbox/c0/typing",
    placeholder="Reply to Maya",
    limit=2000,
    is_open=True,
    pill=Pill(text="23 h 48 m to reply", icon="clock"),
)
THREAD = ThreadView(
    id="c0",
    name="Maya Okafor",
    where="Messenger · Iron Gym Downtown",
    fragment_url="/messenger/inbox/c0/thread",
    person_url="/messenger/inbox/c0/person",
    seen_url="/messenger/inbox/c0/seen",
    back_url="/messenger/inbox",
    days=(
        DayView(label="Yesterday", messages=MESSAGES[:3]),
        DayView(label="Today", messages=MESSAGES[3:]),
    ),
    composer=COMPOSER,
    older_url="/messenger/inbox/c0/messages?before=x",
    assignee_label="Assigned to you",
    assign_url="/messenger/inbox/c0/assign",
    assignees=(
        Choice(value="1", label="You", chosen=True),
        Choice(value="2", label="Sam Reyes"),
        Choice(value="", label="Nobody"),
    ),
    close_url="/messenger/inbox/c0/close",
    snooze_url="/messenger/inbox/c0/snooze",
    snoozes=(Choice(value="x", label="In 3 hours"), Choice(value="y", label="Tomorrow morning")),
)
ALL_STATES = replace(
    THREAD, days=(DayView(label="Today", messages=(*MESSAGES[:1], *STATES)),), older_url=None
)
READER = Reader(
    tenant=Tenant(workspace_id="w1", user_id="u1", permissions=frozenset({"reply"})),
    now=BEGIN + timedelta(hours=2),
    zone=UTC,
    link=lambda name, **_: f"/{name}",
)
ALL_KINDS = replace(THREAD, days=days_of(list(rows_of_all_kinds()), READER), older_url=None)
PERSON = PersonView(
    name="Maya Okafor",
    avatar=Avatar(initials="MO", colour=0),
    channel="facebook",
    channel_label="Messenger",
    subtitle="Messenger · first wrote 14 Nov",
    facts=(("Location", "Downtown"), ("Account", "Iron Gym Downtown"), ("Assigned to", "You")),
)


def _inbox(thread: ThreadView | None = THREAD, *, rows: ListView = LIST) -> InboxView:
    return InboxView(
        list=rows,
        thread=thread,
        person=PERSON if thread else None,
        events_url="/api/messenger/events",
        group="gallery",
        list_url="/messenger/inbox",
    )


def _composed(**changes: Any) -> InboxView:
    return _inbox(replace(THREAD, composer=replace(COMPOSER, **changes)))


EMPTY = replace(LIST, rows=(), unread=0, more_url=None, nothing="Nothing here yet", nothing_more="")
LOCATIONS = (Choice(value="1", label="Downtown", chosen=True), Choice(value="2", label="Riverside"))


def _account(number: int, name: str, **more: Any) -> AccountView:
    return AccountView(
        **{
            "id": f"a{number}",
            "name": name,
            "kind": "Page · Gym",
            "avatar": Avatar(initials="IG", colour=6 + number),
            "location": "Downtown",
            "state": "Connected",
            "state_kind": "good",
            "detail": "Last message 2 min ago",
            "disconnect_url": "/x",
            "move_url": "/y",
            "locations": LOCATIONS,
            "facts": (("Connected", "14 Nov by Sam Reyes"),),
            **more,
        }
    )


FACEBOOK = ChannelView(
    name="facebook",
    label="Facebook Messenger",
    summary="3 Pages in 3 locations",
    connect_url="/api/integrations/meta/connect",
    connect_label="Connect Facebook Page",
    locations=LOCATIONS,
    nothing="No Page is connected yet.",
    accounts=(
        _account(0, "Iron Gym Downtown"),
        _account(
            1,
            "Iron Gym Riverside",
            location="Riverside",
            state="Reconnect",
            state_kind="bad",
            detail="Since today, 09:14",
            fix=Fix(
                kind="bad",
                title="Facebook ended this login.",
                text="Messages still arrive; 4 replies wait to be sent.",
                action="Reconnect",
                url="/connect",
            ),
        ),
        _account(
            2,
            "Iron Gym Harbour",
            location="Harbour",
            state="Attention",
            state_kind="warn",
            detail="Last message 3 days ago",
            fix=Fix(
                kind="warn",
                title="Read receipts are off.",
                text="The Page is not subscribed to message_reads.",
                action="Subscribe again",
                url="/subscribe",
                is_post=True,
            ),
        ),
        _account(
            3,
            "Iron Gym Old Town",
            state="Disconnected",
            state_kind="off",
            detail="Since 3 Nov",
            disconnect_url=None,
            move_url=None,
        ),
    ),
)
WHATSAPP = ChannelView(
    name="whatsapp",
    label="WhatsApp",
    summary="Numbers and templates, in the same inbox",
    lock=Lock(
        plan="Pro",
        title="Part of the Pro plan.",
        text="Your plan is Plus. Pro adds WhatsApp, flows and ads insights.",
    ),
)
SETTINGS = SettingsView(
    channels=(FACEBOOK, WHATSAPP),
    human_agent_url="/messenger/settings/answering",
    inbox_url="/messenger/inbox",
)
NOTICES = (
    Notice(
        kind="good", title="2 Pages are connected.", text="Iron Gym Downtown, Iron Gym Riverside."
    ),
    Notice(
        kind="warn",
        title="Facebook did not give us one permission.",
        text="Without pages_messaging we can receive but not answer.",
        action="Ask again",
        action_url="/connect",
    ),
    Notice(
        kind="warn",
        title="This login no longer covers Iron Gym Harbour.",
        text="Facebook replaced the earlier choice.",
    ),
    Notice(
        kind="bad",
        title="Facebook showed us no Pages.",
        text="The login worked, but it manages no Page, or none was chosen.",
        help=(
            "Sign in to Facebook with the profile that manages the Page.",
            "In the dialog, choose “Edit settings” and tick the Page.",
        ),
        action="Try again",
        action_url="/connect",
    ),
)
CHOICE = ChoiceView(
    person="",
    submit_url="/x",
    cancel_url="/messenger/settings",
    notices=NOTICES[2:3],
    pages=(
        PageChoice(
            id="1",
            name="Iron Gym Downtown",
            detail="Gym",
            avatar=Avatar(initials="ID", colour=1),
            can_choose=True,
            is_chosen=True,
            locations=LOCATIONS,
        ),
        PageChoice(
            id="2",
            name="Iron Gym Riverside",
            detail="Gym",
            avatar=Avatar(initials="IR", colour=2),
            can_choose=True,
            note="Connected; choosing it renews the login",
            locations=LOCATIONS,
        ),
        PageChoice(
            id="3",
            name="Old Mill Studio",
            detail="Studio",
            avatar=Avatar(initials="OM", colour=3),
            can_choose=False,
            note="Belongs to another workspace",
        ),
        PageChoice(
            id="4",
            name="Harbour Club",
            detail="Club",
            avatar=Avatar(initials="HC", colour=4),
            can_choose=False,
            note="You may not answer messages on this Page",
        ),
    ),
)
PROBLEM = {
    "title": "Not found",
    "text": "This does not exist, or it is not yours to see.",
    "icon": "question",
    "url": "/messenger/inbox",
    "action": "Open inbox",
    "zone": "UTC",
    "cookie_path": "/",
}
DELETION = {
    "title": "Your data is deleted",
    "text": "What your login gave us is gone.",
    "facts": [("Code", "abc123"), ("State", "Done")],
    "zone": "UTC",
    "cookie_path": "/",
}

ENDING = _account(
    0,
    "Iron Gym Downtown",
    state="Ends soon",
    state_kind="warn",
    fix=Fix(
        kind="warn",
        title="The login of Iron Gym Downtown ends in 5 days.",
        text="Reconnect it before then, and nothing stops.",
        action="Reconnect",
        url="/connect",
    ),
)
WARNING = WarningView(
    kind="warn",
    title="The login of Iron Gym Downtown ends in 5 days.",
    text="Reconnect it before then, and nothing stops.",
    action="Reconnect",
    action_url="/connect",
    key="a0:expiry:1",
    others="1 more to look at",
    others_url="/settings",
)
RUNS = (
    RunView(
        title="History fetched",
        words="312 messages, 300 new, 14 conversations",
        when="today, 16:40",
        state="Running",
        state_kind="warn",
        is_open=True,
        done=14,
        total=39,
    ),
    RunView(
        title="Compared with Meta",
        words="120 messages compared, 2 missing, 2 repaired",
        when="today, 01:04",
        state="Done",
        state_kind="good",
    ),
    RunView(
        title="Compared with Meta",
        words="",
        when="yesterday, 01:04",
        state="Failed",
        state_kind="bad",
        error="A permission is missing: reconnect and allow all of them.",
    ),
)
ACCOUNT = AccountPage(
    name="Iron Gym Downtown",
    avatar=Avatar(initials="ID", colour=1),
    channel="facebook",
    channel_label="Messenger",
    place="Downtown",
    state="Connected",
    state_kind="good",
    checked="Meta answered 2 min ago",
    findings=[
        FindingView(
            title="Token's end",
            says="Ends on 2026-11-26.",
            cause="Such a token lives sixty days.",
            mend="Reconnect the account.",
            state="Soon",
            state_kind="warn",
        ),
        FindingView(
            title="Connection",
            says="Meta accepts the token; the account is active.",
            cause="",
            mend="",
            state="Good",
            state_kind="good",
        ),
    ],
    check_url="/check",
    back_url="/settings",
    reconnect_url="/connect",
    history=HistoryView(
        fragment_url="/history",
        latest=RUNS,
        earlier=RUNS[1:2],
        start_url=None,
        cancel_url="/cancel",
    ),
    profile_url="/profile",
    personas=personas_view(
        Account(id=UUID(int=1), channel="facebook"),
        [Persona(id=UUID(int=2), name="Ida Berg", user_ref="u2")],
        READER,
        draft=PersonaDraft(name="Sam"),
        problem="The picture needs a public http or https address.",
    ),
)
TEMPLATES = TemplatesPage(
    rows=[
        TemplateRow(name="Classes", kind="Cards", words="Strength, Yoga", place="", url="/1"),
        TemplateRow(name="Hours", kind="Text", words="6 to 22.", place="Downtown", url="/2"),
    ],
    new=[(label, f"/new?kind={kind}") for kind, label in drafts.KINDS.items()],
    utility=[
        TemplateRow(
            name="order_sent",
            kind="en",
            words="Order {{order_number}} is on its way.",
            place="Iron Gym Downtown",
            drop_url="/drop",
            state="Rejected",
            state_kind="bad",
            says="Meta rejected it. TAG_SHOULD_BE_MARKETING",
        )
    ],
    read_urls=[("Iron Gym Downtown", "/read")],
    propose_url="/propose",
    back_url="/settings",
)
PROPOSAL = proposal_page(
    ProposalDraft(), [], READER, problem="A name has lower case letters, digits and underscores."
)

LIBRARY = library_page(
    Search(account_id="1", words="order"),
    [
        LibraryTemplate(
            name="order_pick_up",
            language="en",
            category="UTILITY",
            body="Order {{1}} can be picked up.",
            raw={},
        )
    ],
    [],
    READER,
)


def _editor(kind: str) -> EditorView:
    """Return the editor of a template with something in every part."""
    card = drafts.CardDraft(
        title="Evening strength",
        subtitle="Mon to Thu, 18:00",
        image_url="https://pictures.example/a.jpg",
        buttons=[drafts.ButtonDraft(title="Book", value="https://irongym.example/book")],
    )
    draft = drafts.TemplateDraft(
        name="Classes",
        kind=kind,
        text="Hi {{ first_name }}, shall we?",
        replies=["Yes", "No"],
        buttons=card.buttons,
        cards=[card, replace(card, title="Yoga")],
    )
    text, content = drafts.content_of(draft, {})
    made = fill_with_samples(READER.tenant, kind=kind, text=text, content=content)
    shown = preview_view(made, template_id=UUID(int=0))
    return editor_view(
        draft,
        READER,
        reaches=LOCATIONS,
        problems=["Card 1, button 1, title: A button needs a title."],
        preview=draft_preview(made, shown, ["facebook", "instagram"]),
    )


STATES_BY_NAME: dict[str, tuple[str, Any]] = {
    "inbox": ("inbox.html", _inbox()),
    "inbox-states": ("inbox.html", _inbox(ALL_STATES)),
    "inbox-kinds": ("inbox.html", _inbox(ALL_KINDS)),
    "inbox-list": ("inbox.html", _inbox(None)),
    "inbox-empty": ("inbox.html", _inbox(None, rows=EMPTY)),
    "inbox-human-agent": (
        "inbox.html",
        _composed(
            pill=Pill(text="6 d 3 h to reply", icon="clock", kind="warn"),
            hint="The 24 hours are over. This goes out as a person's late answer: no promotions.",
        ),
    ),
    "inbox-reconnect": (
        "inbox.html",
        _composed(
            hint="Facebook ended this login. Your reply waits until an admin reconnects.",
            hint_kind="bad",
        ),
    ),
    "inbox-closed": (
        "inbox.html",
        _composed(
            is_open=False,
            pill=Pill(text="Closed", icon="lock"),
            closes_at_iso="",
            closed_title="The 24 hours to reply are over.",
            closed_text="You can answer again as soon as Maya writes.",
            closed_url="/messenger/settings",
            closed_action="Open settings",
        ),
    ),
    "settings": ("settings.html", SETTINGS),
    "settings-notices": ("settings.html", replace(SETTINGS, notices=NOTICES)),
    "settings-empty": (
        "settings.html",
        replace(SETTINGS, channels=(replace(FACEBOOK, accounts=()), WHATSAPP)),
    ),
    "settings-ending": (
        "settings.html",
        replace(SETTINGS, channels=(replace(FACEBOOK, accounts=(ENDING,)), WHATSAPP)),
    ),
    "inbox-warning": ("inbox.html", replace(_inbox(), warning=WARNING)),
    "account": ("account.html", ACCOUNT),
    "templates": ("templates.html", TEMPLATES),
    "template-text": ("template.html", _editor(drafts.TEXT)),
    "template-buttons": ("template.html", _editor(drafts.BUTTONS)),
    "template-cards": ("template.html", _editor(drafts.CARDS)),
    "propose-template": ("propose_template.html", PROPOSAL),
    "template-library": ("template_library.html", LIBRARY),
    "choose-pages": ("choose_pages.html", CHOICE),
    "deletion": ("deletion_status.html", DELETION),
    "problem": ("problem.html", PROBLEM),
}


OUTAGE = (
    "Meta is not answering since 14:05."
    " Your messages wait and go out by themselves as soon as it does."
)


def gallery_app(base_template: str = "messenger/base.html") -> Flask:
    """Return an application that shows each state at its name, and needs no database."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="gallery", MESSENGER_BASE_TEMPLATE=base_template)
    settings = Settings.from_config(
        app.config,
        {"MESSENGER_SIMULATOR_URL": "http://127.0.0.1:5001", "MESSENGER_ENCRYPTION_KEYS": KEY_TEXT},
    )
    app.extensions[KEY] = MessengerState(settings, Hooks(), db=None)
    app.register_blueprint(bp)
    app.add_url_rule(
        "/",
        view_func=lambda: "".join(f'<p><a href="/{name}">{name}</a>' for name in STATES_BY_NAME),
        endpoint="index",
    )
    app.add_url_rule("/<name>", view_func=show, endpoint="show")
    app.context_processor(page_words)
    app.context_processor(lambda: {"fm_outage": lambda: [OUTAGE]})
    app.after_request(add_headers)
    return app


def show(name: str) -> str:
    if name not in STATES_BY_NAME:
        abort(404)
    template, view = STATES_BY_NAME[name]
    return render_template(f"messenger/{template}", fm_view=view)


if __name__ == "__main__":
    gallery_app().run(port=int(os.environ.get("GALLERY_PORT", "5055")))
