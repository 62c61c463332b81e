"""Alembic's entry: runs our migrations on the connection the command hands over."""

from alembic import context

from flask_messenger.models import Base
from flask_messenger.models.schema import VERSION_TABLE, is_ours

connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    include_name=is_ours,
    compare_type=True,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
)

with context.begin_transaction():
    context.run_migrations()
