"""The threads of the API's tests serve here too."""

from tests.api.conftest import threads

__all__ = ["threads"]
