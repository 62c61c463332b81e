"""The main road: connect a Page, hear a customer, answer, see it delivered and read."""

from tests.simulator.driver import Callback, Graph


def test_page_is_connected_and_a_conversation_goes_both_ways(
    graph: Graph, callback: Callback, page_id: str
) -> None:
    token = graph.connect(page_id)

    psid = graph.chat(f"{page_id}/maya-okafor/messages", text="Is the 6 pm class open?")["psid"]
    callback.wait_for_kinds("message")
    answer = graph.send(page_id, token, psid, text="Yes, two places left.", metadata="row-77")
    callback.wait_for_kinds("echo", "delivery")
    graph.chat(f"{page_id}/maya-okafor/seen")
    callback.wait_for_kinds("read")

    events = dict(zip(callback.kinds(), callback.events(), strict=True))
    mid = answer.json()["message_id"]
    assert answer.json() == {"recipient_id": psid, "message_id": mid}
    assert events["message"]["sender"] == {"id": psid}
    assert events["message"]["message"]["text"] == "Is the 6 pm class open?"
    assert events["echo"]["sender"] == {"id": page_id}
    assert events["echo"]["message"] == {
        "is_echo": True,
        "app_id": 1000000000000001,
        "metadata": "row-77",
        "mid": mid,
        "text": "Yes, two places left.",
    }
    assert events["delivery"]["delivery"]["mids"] == [mid]
    assert events["read"]["read"]["watermark"] == events["echo"]["timestamp"]
    assert callback.kinds() == ["message", "echo", "delivery", "read"]
