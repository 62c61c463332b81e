"""Keep scheduled and cancelled messages, and what stops an account's lanes.

Revision: 0003
Follows: 0002
"""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
