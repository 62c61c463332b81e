"""From a person's or a bot's words to Meta: never twice, never silently lost.

compose -> policy -> lane -> deliver -> reconcile. A message is a row first; what happens to it
afterwards is told by its `status`:

    queued ──claim──> sending ──Graph says yes──> sent ──> delivered ──> read
      ^                 │ │
      ├──try again──────┘ ├──Graph says no──────> failed ──┐
      │                   └──nobody answers─────> unknown ─┤ a person decides
      └────────────────────────────retry───────────────────┤
                                                           └──> discarded | sent

An echo or a receipt of Meta's proves that a message went out, and moves it to `sent` or further
from wherever it is.
"""
