"""Every Graph request of a Page or an Instagram account, against the tables of Meta's own SDK.

A request that is made elsewhere is checked where its test is, with the same
`tests.support.sdk.assert_edge_takes`.
"""

import pytest

from flask_messenger.channels._degrade import RULES
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.channels.sending import Endpoint, Recipient, SendOptions, ThreadControl
from flask_messenger.content import Media, Text
from tests.support.contents import EXAMPLES
from tests.support.sdk import NODES, assert_edge_takes, edges_of

FACEBOOK, INSTAGRAM = CHANNELS["facebook"], CHANNELS["instagram"]
PAGE = Endpoint(external_id="1001")
BY_PAGE = Endpoint(external_id="17841", page_external_id="1001")
BY_ITSELF = Endpoint(external_id="17841", login="instagram")
ACCOUNTS = [
    pytest.param(FACEBOOK, PAGE, "page", id="facebook"),
    pytest.param(INSTAGRAM, BY_PAGE, "page", id="instagram"),
    pytest.param(INSTAGRAM, BY_ITSELF, "instagram_login", id="instagram_login"),
]
NO_OPTIONS = SendOptions()
ALL_OPTIONS = SendOptions(
    metadata="fm:x",
    tag="HUMAN_AGENT",
    reply_to_external_id="m_1",
    persona_id="5",
    notification_type="SILENT_PUSH",
    thread_control=ThreadControl(control_type="pass", app_id="42"),
)


def assert_taken(request, *, node="page", documented=()):
    assert_edge_takes(request.method, request.path, request.body, node=node, documented=documented)


CARRIED = [
    pytest.param(*account.values, kind, id=f"{account.id}-{kind}")
    for account in ACCOUNTS
    for kind in EXAMPLES
    if kind in account.values[0].limits.contents
]
TURNED = [
    pytest.param(*account.values, kind, id=f"{account.id}-{kind}")
    for account in ACCOUNTS
    for kind, example in EXAMPLES.items()
    if kind not in account.values[0].limits.contents and type(example) in RULES
]


@pytest.mark.covers("facebook", "send:*")
@pytest.mark.covers("instagram", "send:*")
@pytest.mark.parametrize(("channel", "endpoint", "node", "kind"), CARRIED)
def test_content_is_a_request_that_the_edge_takes(channel, endpoint, node, kind):
    channel.check_content(EXAMPLES[kind])

    assert_taken(build(EXAMPLES[kind], channel, endpoint), node=node)


@pytest.mark.parametrize(("channel", "endpoint", "node", "kind"), TURNED)
def test_what_a_content_is_turned_into_is_taken(channel, endpoint, node, kind):
    turned = channel.degrade(EXAMPLES[kind])

    assert turned.notes
    for content in turned.contents:
        assert_taken(build(content, channel, endpoint), node=node)


def build(content, channel, endpoint, options=NO_OPTIONS, **recipient):
    to = Recipient(**recipient or {"id": "7"})
    return channel.build_message(content, endpoint=endpoint, recipient=to, options=options)


@pytest.mark.parametrize(("channel", "endpoint", "node"), ACCOUNTS)
@pytest.mark.parametrize("options", [ALL_OPTIONS, NO_OPTIONS])
def test_what_goes_beside_a_message_is_taken(channel, endpoint, node, options):
    assert_taken(build(Text("hi"), channel, endpoint, options), node=node)


@pytest.mark.covers("facebook", "do:typing_on", "do:typing_off", "do:mark_seen")
@pytest.mark.covers("instagram", "do:typing_on", "do:typing_off", "do:mark_seen")
@pytest.mark.parametrize("action", ["typing_on", "typing_off", "mark_seen"])
@pytest.mark.parametrize(("channel", "endpoint", "node"), ACCOUNTS)
def test_sender_action_is_taken(channel, endpoint, node, action):
    request = channel.build_action(action, endpoint=endpoint, recipient=Recipient(id="7"))

    assert_taken(request, node=node)


@pytest.mark.parametrize("emoji", ["\N{HEAVY BLACK HEART}", None])
@pytest.mark.parametrize(("channel", "endpoint", "node"), ACCOUNTS)
def test_reaction_is_taken(channel, endpoint, node, emoji):
    to = Recipient(id="7")
    request = channel.build_reaction("m_1", emoji, endpoint=endpoint, recipient=to)

    assert_taken(request, node=node)


@pytest.mark.parametrize(
    ("channel", "endpoint", "node", "content"),
    [
        (FACEBOOK, PAGE, "comment", Text("Thank you")),
        (FACEBOOK, PAGE, "comment", Media("image", "https://cdn.example/a.jpg")),
        (FACEBOOK, PAGE, "post", Text("Thank you")),
        (INSTAGRAM, BY_PAGE, "instagram_comment", Text("Thank you")),
        (INSTAGRAM, BY_ITSELF, "instagram_comment", Text("Thank you")),
    ],
)
def test_public_answer_is_taken(channel, endpoint, node, content):
    assert_taken(build(content, channel, endpoint, public_reply_to="1_2"), node=node)


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize(
    ("channel", "endpoint", "node"),
    [
        (FACEBOOK, PAGE, "comment"),
        (INSTAGRAM, BY_PAGE, "instagram_comment"),
        (INSTAGRAM, BY_ITSELF, "instagram_comment"),
    ],
)
def test_what_is_done_to_a_comment_is_taken(channel, endpoint, node, hidden):
    assert_taken(channel.build_hiding("1_2", hidden=hidden, endpoint=endpoint), node=node)
    assert_taken(channel.build_deletion("1_2", endpoint=endpoint), node=node)


@pytest.mark.parametrize(
    ("edge", "fields"),
    [
        ("pass_thread_control", {"target_app_id": "42", "metadata": "x"}),
        ("take_thread_control", {"metadata": "x"}),
        ("request_thread_control", {"metadata": "x"}),
        ("release_thread_control", {}),
        ("extend_thread_control", {"duration": 3600}),
        ("thread_owner", {}),
    ],
)
@pytest.mark.parametrize(
    ("channel", "endpoint", "node"),
    [(FACEBOOK, PAGE, "page"), (INSTAGRAM, BY_PAGE, "page"), (INSTAGRAM, BY_ITSELF, "instagram")],
)
def test_routing_is_taken(channel, endpoint, node, edge, fields):
    to = Recipient(id="7")

    assert_taken(channel.build_control(edge, endpoint=endpoint, recipient=to, **fields), node=node)


@pytest.mark.parametrize("type_", ["audio", "file", "image", "video"])
@pytest.mark.parametrize(("channel", "endpoint", "node"), ACCOUNTS)
def test_upload_is_taken(channel, endpoint, node, type_):
    assert_taken(channel.build_upload(type_, endpoint=endpoint), node=node)


OTHER_PROPERTIES = {
    "get_started": {"payload": "START"},
    "whitelisted_domains": ["https://shop.example"],
    "account_linking_url": "https://shop.example/link",
}


@pytest.mark.parametrize(("channel", "endpoint", "node"), ACCOUNTS)
def test_profile_is_taken(channel, endpoint, node):
    rules = channel.profile
    given = {name: [{"locale": "default"}] for name in rules.names}
    given |= {name: value for name, value in OTHER_PROPERTIES.items() if name in rules.names}
    requests = [
        rules.read(endpoint),
        rules.write(endpoint, given),
        rules.remove(endpoint, list(given)),
    ]

    # https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api
    documented = {"greeting"} if node == "page" else {"platform"}
    for request in requests:
        assert_taken(request, node=node, documented=documented)


@pytest.mark.parametrize("node", NODES)
def test_sdk_has_tables_of_every_node(node):
    assert edges_of(node)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"recipient": {"id": "7"}, "colour": "red"}, "colour: not a parameter"),
        ({"messaging_type": "SHOUT"}, "messaging_type: 'SHOUT' is no messaging_type_enum"),
        ({"persona_id": ["5"]}, r"persona_id: \['5'\] is no string"),
    ],
)
def test_what_the_edge_does_not_take_is_told(params, told):
    with pytest.raises(AssertionError, match=told):
        assert_edge_takes("POST", "1001/messages", params)


def test_edge_that_is_not_there_is_told():
    with pytest.raises(AssertionError, match="knows no POST /secondary_receivers of a page"):
        assert_edge_takes("POST", "1001/secondary_receivers", {})


def test_field_that_a_node_does_not_have_is_told():
    assert_edge_takes("GET", "1_2", {"fields": "id,message,from{id,name}"}, node="comment")

    with pytest.raises(AssertionError, match="fields: colour is no field of Comment"):
        assert_edge_takes("GET", "1_2", {"fields": "id,colour"}, node="comment")
