"""Where today's build of a script, a style sheet or the icons is."""

import functools
import json
from pathlib import Path
from typing import Final

from flask import url_for

from flask_messenger.errors import ConfigurationError

STATIC: Final = Path(__file__).with_name("static")
MANIFEST: Final = STATIC / "manifest.json"


def asset_url(name: str) -> str:
    """Return the address of `messenger.js`, `messenger.css` or `icons.svg`.

    The file's own name carries a hash of what is in it, so browsers may keep it for ever.
    """
    return url_for("messenger_ui.static", filename=read_manifest()[name])


@functools.cache
def read_manifest() -> dict[str, str]:
    """Return the name of today's build of each file.

    Raises:
        ConfigurationError: nothing was built.
    """
    try:
        names: dict[str, str] = json.loads(MANIFEST.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "flask_messenger: the pages' scripts are not built, because git does not hold them."
            " In the clone run `make dist` and install the wheel in dist/; where the clone itself"
            " is what runs, `make install`."
        ) from error
    return names
