"""The host application of these runs: what the tests use, set up from the environment."""

import os

from flask import Flask

from tests.support.app import make_app, make_config

WORKSPACE = "w1"


def create_app() -> Flask:
    """Return the application; everybody who asks is an agent of one workspace."""
    config = make_config(
        os.environ["FAULTS_DATABASE_URL"],
        os.environ["MESSENGER_REDIS_URL"],
        TESTING=False,
        SERVER_NAME=None,
        META_GRAPH_URL=os.environ["FAULTS_META_URL"],
        META_APP_ID=os.environ["FAULTS_APP_ID"],
        META_APP_SECRET=os.environ["FAULTS_APP_SECRET"],
        SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 8, "pool_timeout": 5},
    )
    # As in production: a database that does not answer in time is what is tried here.
    del config["MESSENGER_WEBHOOK_DATABASE_SECONDS"]
    app = make_app(config)
    app.extensions["host"].sign_in(WORKSPACE)
    return app
