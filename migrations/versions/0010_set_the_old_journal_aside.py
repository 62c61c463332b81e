"""Set the journal from before its days aside, on PostgreSQL: the default partition is empty again.

Making a day's partition reads all of the default one, and webhooks wait meanwhile. Where the
journal was old when it was partitioned, that is all of it; once reading it takes longer than
webhooks may wait, no more days are made. So it becomes a partition of its own, for everything
before the first day, and is dropped whole when it is past its time.

The old journal is read once, while webhooks wait, or spool. What it holds of later days moves to
where it belongs: a day that began before it could be made, or the new default partition.

Revision: 0010
Follows: 0009
"""

import re
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE = "messenger_webhook_entries"
DEFAULT = f"{TABLE}_default"
DAYS_AHEAD = 7
DAY = re.compile(rf"{TABLE}_(\d{{8}})")
PARTITIONS = sa.text(
    "SELECT part.relname FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid"  # noqa: S608
    f" WHERE inhparent = to_regclass('{TABLE}') ORDER BY 1"
)
OTHER_NAME = f"""
    IF to_regclass(partition) IS NULL THEN
        partition := '{TABLE}_until_' || to_char(day, 'YYYYMMDD');
    END IF;
"""
DROP_PARTITION = f"""
CREATE OR REPLACE FUNCTION messenger_journal_drop_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER STRICT
SET search_path = :schema, pg_temp
SET lock_timeout = '250ms'
AS $$
DECLARE
    partition text := '{TABLE}_' || to_char(day, 'YYYYMMDD');
    is_wanted boolean;
BEGIN
    :other_name
    IF to_regclass(partition) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE state = ''pending'')', partition)
        INTO is_wanted;
    IF is_wanted THEN
        RETURN false;
    END IF;
    LOCK TABLE ONLY {TABLE} IN ACCESS EXCLUSIVE MODE;
    -- Again, now that nobody can put anything there or back.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE state = ''pending'')', partition)
        INTO is_wanted;
    IF is_wanted THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', partition);
    RETURN true;
END
$$
"""  # noqa: S608 - our own names


def upgrade() -> None:
    """Make a partition of what the default one holds, and let it be dropped like a day."""
    if op.get_bind().dialect.name != "postgresql":
        return
    _replace_drop(OTHER_NAME)
    op.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
    names = list(op.get_bind().scalars(PARTITIONS))
    is_done = any(name.startswith(f"{TABLE}_until_") for name in names)
    has_rows = op.get_bind().scalar(sa.text(f"SELECT EXISTS (SELECT FROM {DEFAULT})"))  # noqa: S608
    if has_rows and not is_done:
        _set_aside(names)


def downgrade() -> None:
    """Drop it like a day no longer; it stays a partition, which the older schema does not mind."""
    if op.get_bind().dialect.name == "postgresql":
        _replace_drop("")


def _replace_drop(other_name: str) -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(DROP_PARTITION.replace(":schema", schema).replace(":other_name", other_name))


def _set_aside(names: list[str]) -> None:
    days = [match.group(1) for name in names if (match := DAY.fullmatch(name))]
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    first = datetime.strptime(min(days), "%Y%m%d").replace(tzinfo=UTC).date() if days else tomorrow
    old = f"{TABLE}_until_{first - timedelta(days=1):%Y%m%d}"
    bound = op.get_bind().scalar(
        sa.text("SELECT messenger_journal_first_id(CAST(:day AS date))"), {"day": first}
    )
    op.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {DEFAULT}")
    op.execute(f"ALTER TABLE {DEFAULT} RENAME TO {old}")
    op.execute(f"CREATE TABLE {DEFAULT} (LIKE {TABLE} INCLUDING ALL EXCLUDING INDEXES)")
    op.execute(f"ALTER TABLE {DEFAULT} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {DEFAULT} DEFAULT")
    today = datetime.now(UTC).date()
    for ahead in range(DAYS_AHEAD + 1):
        day = today + timedelta(days=ahead)
        if day >= first:
            op.execute(f"SELECT messenger_journal_add_partition(DATE '{day}')")
    op.execute(f"INSERT INTO {TABLE} SELECT * FROM {old} WHERE id >= '{bound}'")  # noqa: S608
    op.execute(f"DELETE FROM {old} WHERE id >= '{bound}'")  # noqa: S608 - our own names
    values = f"FROM (MINVALUE) TO ('{bound}')"
    op.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {old} FOR VALUES {values}")
