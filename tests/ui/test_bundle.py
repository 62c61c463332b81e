"""The pages' scripts and styles, which a clone does not hold before they are built."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_messenger.errors import ConfigurationError
from flask_messenger.ui import bundle


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(bundle, "MANIFEST", tmp_path / "manifest.json")
    bundle.read_manifest.cache_clear()
    yield
    bundle.read_manifest.cache_clear()


@pytest.mark.usefixtures("unbuilt")
def test_pages_without_scripts_say_how_to_build_them() -> None:
    with pytest.raises(ConfigurationError, match="run `make dist` and install the wheel"):
        bundle.asset_url("messenger.js")
