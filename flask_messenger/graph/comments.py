"""What is done with public comments: hide, show, delete. The channel builds the calls.

Sources:
    https://developers.facebook.com/docs/graph-api/reference/comment
    https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment
"""

from flask_messenger.graph.client import Graph
from flask_messenger.graph.request import GraphRequest
from flask_messenger.settings import MetaApp


def change_comment(graph: Graph, *, app: MetaApp, token: str, request: GraphRequest) -> None:
    """Hide a comment, show it again, or delete it.

    Raises:
        GraphError: Graph refused or did not answer.
    """
    graph.carry(request, app=app, token=token)
