"""The application: its parts put together."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

from example_app import auth, commands, leads, messenger_hooks, pages, settings, timeline
from example_app.database import db
from example_app.environment import app_config

MIGRATIONS = Path(__file__).with_name("migrations")

csrf = CSRFProtect()
# The messenger migrates its own tables under its own version table; migrations/env.py skips them.
migrate = Migrate(render_as_batch=True, compare_type=True)


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the CRM. `config` wins over the environment, FLASK_* over plain names over defaults."""
    app = Flask(__name__)
    app.config.from_mapping(app_config(os.environ))
    app.config.from_prefixed_env()
    app.config.from_mapping(config)

    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    csrf.init_app(app)
    auth.login_manager.init_app(app)
    for blueprint in (auth.bp, leads.bp, pages.bp, settings.bp):
        app.register_blueprint(blueprint)
    commands.register(app)

    messenger_hooks.messenger.init_app(app, db)
    timeline.listen(app)
    pages.prepare(app)
    return app
