"""Every content, as a channel builds it, is taken by the simulated Graph over HTTP.

The simulator was written from Meta's pages and knows nothing of `content` or `channels`.
"""

from dataclasses import replace

import pytest

from flask_messenger.channels._degrade import RULES
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.channels.sending import Endpoint, Recipient, SendOptions
from flask_messenger.content import (
    Images,
    InstantFormTemplate,
    MediaTemplate,
    Picture,
    ProductTemplate,
    Reaction,
    SharedPost,
    Text,
)
from flask_messenger.simulator.catalogue import form_id_of, product_ids
from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import callback, start
from tests.simulator.instagram import COACH
from tests.simulator.instagram import Instagram as InstagramLogin
from tests.support.contents import EXAMPLES

__all__ = ["callback", "start"]  # fixtures

FACEBOOK, INSTAGRAM_CHANNEL = CHANNELS["facebook"], CHANNELS["instagram"]
TEMPLATE = {
    "name": "order_update",
    "language": "en",
    "category": "UTILITY",
    "parameter_format": "NAMED",
    "components": [{"type": "BODY", "text": "Order {{order_id}} is on its way."}],
}


@pytest.fixture
def business(start):
    """Return a business in a world in which no attachment is fetched from anywhere."""
    return Business(start(SIMULATOR_FETCH_ATTACHMENTS="false"))


class Sender:
    """An account, and a person who wrote to it."""

    def __init__(self, channel, endpoint, person, business):
        self.channel, self.endpoint, self.person = channel, endpoint, person
        self.post = business.post
        self.photo = f"{business.graph.base_url}/pictures/photos/hills.png"

    def send(self, content, **options):
        request = self.channel.build_message(
            content,
            endpoint=self.endpoint,
            recipient=Recipient(id=self.person),
            options=SendOptions(**options),
        )
        answer = self.post(request.path, **request.body)
        assert answer.ok, (content.kind, answer.text)
        return answer.json()

    def upload(self):
        request = self.channel.build_upload("image", endpoint=self.endpoint)
        payload = {"url": self.photo, "is_reusable": True}
        message = {"attachment": {"type": "image", "payload": payload}}
        body = {**request.body, "message": message}
        answer = self.post(request.path, **body)
        assert answer.ok, answer.text
        return answer.json()["attachment_id"]


KNOWN_THERE = {
    Reaction: lambda content, sender, _: replace(
        content, message_external_id=sender.send(Text("hi"))["message_id"]
    ),
    ProductTemplate: lambda _, sender, __: ProductTemplate(
        tuple(product_ids(sender.endpoint.external_id))[:2]
    ),
    InstantFormTemplate: lambda *_: InstantFormTemplate(form_id_of(PAGE)),
    SharedPost: lambda content, _, post_id: SharedPost(post_id or content.post_id, content.url),
    MediaTemplate: lambda content, sender, _: replace(content, attachment_id=sender.upload()),
    Images: lambda content, sender, _: Images(
        (content.images[0], Picture(attachment_id=sender.upload()))
    ),
}
"""What has ids of things that there have to be: the same with what there is."""


def as_there_is(content, sender, post_id):
    """Return `content` with ids of things that there are in the simulated world."""
    make = KNOWN_THERE.get(type(content))
    return make(content, sender, post_id) if make else content


def messenger(business):
    assert business.post(f"{PAGE}/message_templates", **TEMPLATE).ok
    endpoint = Endpoint(external_id=PAGE)
    return Sender(FACEBOOK, endpoint, business.write(), business), None


def instagram_of_a_page(business):
    endpoint = Endpoint(external_id=INSTAGRAM, page_external_id=PAGE)
    sender = Sender(INSTAGRAM_CHANNEL, endpoint, business.write(account=INSTAGRAM), business)
    return sender, business.comment(INSTAGRAM, kind="photo")[0]


def instagram_by_itself(business):
    login = InstagramLogin(business.graph)
    token = login.connect()
    endpoint = Endpoint(external_id=COACH, login="instagram")
    sender = Sender(INSTAGRAM_CHANNEL, endpoint, business.write(account=COACH), business)
    sender.post = lambda path, **body: login.post(f"v25.0/{path}", token, json=body)
    return sender, business.comment(COACH, kind="photo")[0]


@pytest.mark.covers("facebook", "send:*")
@pytest.mark.covers("instagram", "send:*")
@pytest.mark.parametrize("connect", [messenger, instagram_of_a_page, instagram_by_itself])
def test_every_content_that_the_channel_carries_is_taken(business, connect):
    sender, post_id = connect(business)

    for kind in sorted(sender.channel.limits.contents):
        sender.send(as_there_is(EXAMPLES[kind], sender, post_id), metadata="fm:x")


@pytest.mark.parametrize("connect", [messenger, instagram_of_a_page, instagram_by_itself])
def test_what_another_content_is_turned_into_is_taken(business, connect):
    sender, post_id = connect(business)

    for kind in sorted(EXAMPLES.keys() - sender.channel.limits.contents):
        if type(EXAMPLES[kind]) in RULES:
            content = as_there_is(EXAMPLES[kind], sender, post_id)
            for each in sender.channel.degrade(content).contents:
                sender.send(each)
