"""The host application of the benchmarks: the extension and nothing else."""

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_messenger import Messenger, Tenant

WORKSPACE = "bench"


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the application; everybody who asks is an agent of one workspace.

    Without `config` the settings come from the environment.
    """
    app = Flask("bench")
    app.config["SECRET_KEY"] = "benchmark"  # noqa: S105 - of this run only
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("BENCH_DATABASE_URL")
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 8}
    app.config.update(config or {})
    db = SQLAlchemy()
    db.init_app(app)
    messenger = Messenger()
    messenger.tenant_loader(
        lambda: Tenant(
            workspace_id=WORKSPACE, user_id="1", permissions=frozenset({"reply", "assign"})
        )
    )
    messenger.init_app(app, db)
    return app
