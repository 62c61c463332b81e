"""Wall rows off by workspace on PostgreSQL.

Every table that names a workspace gets row-level security, forced: it holds for the owner, too.
A migration that makes another such table says `protect(op.get_bind(), "messenger_…")`.

Revision: 0007
Follows: 0006
"""

from alembic import op

from flask_messenger.models.walls import protect_all, unprotect_all

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the policies on the tables, and make the functions that requests may call."""
    protect_all(op.get_bind())


def downgrade() -> None:
    """Take them off."""
    unprotect_all(op.get_bind())
