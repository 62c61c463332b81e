"""Files given to Graph: by address, by upload, once or to be used again."""

import json
from typing import Any

import pytest
import requests

from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import WAIT_SECONDS, error_of, proof
from tests.simulator.instagram import Instagram

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
PDF = b"%PDF-1.4\n"


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def upload(
    business: Business, edge: str, file: tuple[str, bytes, str], **form: Any
) -> requests.Response:
    return business.graph.session.post(
        f"{business.graph.base_url}/v25.0/{PAGE}/{edge}",
        params={"access_token": business.token, "appsecret_proof": proof(business.token)},
        data={name: json.dumps(value) for name, value in form.items()},
        files={"filedata": file},
        timeout=WAIT_SECONDS,
    )


def message(kind: str = "image", **payload: Any) -> dict[str, Any]:
    return {"attachment": {"type": kind, "payload": payload}}


def test_uploaded_file_is_sent(business: Business) -> None:
    recipient = {"id": business.write()}
    photo = ("a.png", PNG, "image/png")

    answer = upload(
        business, "messages", photo, recipient=recipient, message=message(is_reusable=True)
    ).json()
    again = business.send(recipient["id"], message(attachment_id=answer["attachment_id"]))

    assert again.ok
    assert [len(one["files"]) for one in business.messages()[1:]] == [1, 1]


def test_kept_file_is_used_again_until_it_expires(business: Business) -> None:
    psid = business.write()
    url = business.graph.base_url + "/pictures/photos/hills.png"
    by_url = business.post(f"{PAGE}/message_attachments", message=message(url=url))
    by_upload = upload(
        business, "message_attachments", ("a.png", PNG, "image/png"), message=message()
    )
    kept = by_upload.json()["attachment_id"]
    several = {
        "attachments": [
            {"type": "image", "payload": {"attachment_id": kept}},
            {"type": "image", "payload": {"url": url}},
        ]
    }

    assert by_url.ok, by_url.text
    assert business.send(psid, several).ok
    assert error_of(business.send(psid, message("video", attachment_id=kept))) == (100, 2018047)
    business.graph.control("POST", "uploads/age", days=91)
    assert error_of(business.send(psid, message(attachment_id=kept))) == (100, 2018074)


def test_files_that_are_refused(business: Business) -> None:
    psid = business.write()
    recipient = {"id": psid}
    text = ("a.txt", b"hello", "text/plain")
    big = ("a.png", PNG + b"0" * 8 * 1024 * 1024, "image/png")

    wrong = upload(business, "messages", text, recipient=recipient, message=message())
    empty = upload(
        business, "messages", ("a.png", b"", "image/png"), recipient=recipient, message=message()
    )
    too_big = upload(business, "messages", big, recipient=recipient, message=message())
    with_text = upload(business, "messages", text, recipient=recipient, message={"text": "x"})
    with_url = upload(
        business, "message_attachments", text, message=message("file", url="https://example.com")
    )
    elsewhere = upload(business, "personas", text)

    assert error_of(wrong) == (100, 2018047)
    assert error_of(empty) == (100, 2018047)
    assert error_of(too_big) == (100, 2018109)
    assert error_of(with_text) == (100, None)
    assert error_of(with_url) == (100, None)
    assert error_of(elsewhere) == (100, None)


def test_instagram_takes_its_own_formats(business: Business) -> None:
    igsid = business.write(account=INSTAGRAM)
    pdf = ("a.pdf", PDF, "application/pdf")
    text = ("a.txt", b"hello", "text/plain")

    kept = upload(
        business, "message_attachments", pdf, message=message("file"), platform="instagram"
    )
    form = {"recipient": {"id": igsid}, "message": message("file")}

    # `platform` is a plain word, and a JSON string is none.
    assert error_of(kept) == (100, None)
    assert upload(business, "messages", pdf, **form).ok
    assert error_of(upload(business, "messages", text, **form)) == (100, 2018047)


def test_upload_by_instagram_login(graph: Running) -> None:
    instagram = Instagram(graph)
    token = instagram.connect()
    url = graph.base_url + "/pictures/photos/hills.png"

    answer = instagram.post(
        "v25.0/me/message_attachments",
        token,
        json={"platform": "instagram", "message": message(url=url)},
    )

    assert answer.json()["attachment_id"]
