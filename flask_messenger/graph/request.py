"""One request to Graph as a value: made by `channels/`, carried by `graph/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

GRAPH: Final = "graph"
"""graph.facebook.com."""
INSTAGRAM: Final = "instagram"
"""graph.instagram.com, for accounts that came by Instagram's own login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRequest:
    """What to ask of which host.

    Attributes:
        host: `GRAPH` or `INSTAGRAM`.
        method: `GET`, `POST` or `DELETE`.
        path: without version and leading slash; the ids in it went through `node`.
        body: the JSON of a POST; the parameters of anything else.
    """

    method: str
    path: str = field(repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    host: str = GRAPH
