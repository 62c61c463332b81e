"""What tests of the monitor share: the API's and the pages' ways to ask."""

from tests.api.conftest import api, threads
from tests.ui.conftest import browser, signed_in

__all__ = ["api", "browser", "signed_in", "threads"]
