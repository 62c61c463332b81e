"""A Graph client whose answers the test gives."""

from collections.abc import Iterator

import pytest
import responses

from flask_messenger.graph.client import Graph
from flask_messenger.settings import MetaApp, Settings
from tests.support.app import make_config


@pytest.fixture
def settings() -> Settings:
    return Settings.from_config(make_config("sqlite://", "redis://127.0.0.1:1"), {})


@pytest.fixture
def graph(settings: Settings) -> Graph:
    return Graph(settings)


@pytest.fixture
def meta_app(settings: Settings) -> MetaApp:
    return settings.default_app


@pytest.fixture
def meta() -> Iterator[responses.RequestsMock]:
    """Plays Meta: an address that no test gave an answer for refuses the connection."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock
