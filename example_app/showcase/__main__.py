"""`python -m example_app.showcase`: fill the demo once, over HTTP, while it runs."""

import os
import sys
from typing import Final

import requests
from sqlalchemy import select

from example_app.application import create_app
from example_app.database import db
from example_app.environment import crm_url, demo_password, simulator_url
from example_app.models import Location
from example_app.showcase.crm import Crm
from example_app.showcase.meta import Meta
from example_app.showcase.scenes import INSTAGRAM, PAGE, SCENES

ADMIN: Final = "sam@brightside.example"
PERSON: Final = "sam-reyes"
LOCATION: Final = "Iron Gym Downtown"


def main() -> int:
    """Connect a Page and its Instagram account, and let the scenes play; return the exit status.

    What is connected already, or ever was, is left alone: the demo is filled once. A scene that
    fails is told of and does not keep the others back.
    """
    meta = Meta(simulator_url(os.environ))
    crm = Crm(crm_url(os.environ), email=ADMIN, password=demo_password(os.environ))
    if crm.has_accounts():
        print("There are accounts already: nothing to do.")  # noqa: T201 (its log)
        return 0
    crm.connect(
        meta,
        person=PERSON,
        page_id=meta.account_id(PAGE),
        location_id=find_location_id(),
        also=[{"id": meta.account_id(INSTAGRAM), "channel": "instagram"}],
    )
    failed = 0
    for scene in SCENES:
        try:
            scene(crm, meta)
            print(f"{scene.__name__}: played", flush=True)  # noqa: T201
        except (requests.RequestException, TimeoutError) as error:
            failed += 1
            print(f"{scene.__name__}: {_tell(error)}", flush=True)  # noqa: T201
    return int(failed > 0)


def find_location_id() -> str:
    """Return the location that the demo's accounts belong to."""
    with create_app().app_context():
        return str(db.session.scalars(select(Location.id).where(Location.name == LOCATION)).one())


def _tell(error: Exception) -> str:
    """Say what went wrong, with what the other side said of it."""
    answer = getattr(error, "response", None)
    return f"{error} {answer.text[:500] if answer is not None else ''}".strip()


if __name__ == "__main__":
    sys.exit(main())
