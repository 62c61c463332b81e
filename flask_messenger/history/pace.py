"""Meta's limit on reading conversations: two calls a second for each account.

Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting
"""

import time
import uuid
from typing import Final

import redis

GAP_MILLISECONDS: Final = 550
"""Between two calls for one account, of all processes together; a little more than Meta asks."""
LOOK_AGAIN_SECONDS: Final = 0.05
MOST_LOOKS: Final = 200


def await_turn(client: "redis.Redis", account_id: uuid.UUID) -> None:
    """Wait until the account's next call may go out. Where Redis is away, wait for the gap."""
    key = f"messenger:history:turn:{account_id}"
    for _ in range(MOST_LOOKS):
        try:
            if client.set(key, "1", nx=True, px=GAP_MILLISECONDS):
                return
        except redis.RedisError:
            time.sleep(GAP_MILLISECONDS / 1000)
            return
        time.sleep(LOOK_AGAIN_SECONDS)
