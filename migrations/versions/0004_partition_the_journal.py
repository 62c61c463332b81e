"""Partition the journal by day on PostgreSQL.

Ids are UUIDv7, so a day is a range of ids: the primary key stays `id`, and dropping a day is
instant. The old table becomes the default partition as it is, without copying a row: it keeps
what it holds until retention deletes that, and takes every row for which no day was made.

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLE = "messenger_webhook_entries"
DEFAULT = f"{TABLE}_default"
DAYS_AHEAD = 7
INDEXES = {
    f"ix_{TABLE}_pending": ("(id)", "state = 'pending'"),
    f"ix_{TABLE}_trouble": ("(external_id, id)", "state IN ('failed', 'unrouted')"),
    f"ix_{TABLE}_shared": ("(id)", "workspace_id IS NULL AND state = 'done'"),
    f"ix_{TABLE}_workspace": ("(workspace_id, id)", "workspace_id IS NOT NULL"),
}
OLD_INDEXES = {
    f"ix_{TABLE}_object_external_id_state": ["object", "external_id", "state"],
    f"ix_{TABLE}_received_at": ["received_at"],
}

FIRST_ID = """
CREATE FUNCTION messenger_journal_first_id(day date) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT rpad(
        lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0'), 32, '0'
    )::uuid
$$
"""

# Both run as the owner of the tables, whoever calls them: a worker owns nothing. Both give up
# after a quarter of a second of waiting for a lock, since webhooks wait behind them meanwhile.
ADD_PARTITION = f"""
CREATE FUNCTION messenger_journal_add_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER STRICT
SET search_path = :schema, pg_temp
SET lock_timeout = '250ms'
AS $$
DECLARE
    partition text := '{TABLE}_' || to_char(day, 'YYYYMMDD');
    first_id uuid := messenger_journal_first_id(day);
    end_id uuid := messenger_journal_first_id(day + 1);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('{TABLE}'));
    IF to_regclass(partition) IS NOT NULL OR EXISTS (
        -- These rows stay where they are: moving them would make webhooks wait.
        SELECT FROM {DEFAULT} WHERE id >= first_id AND id < end_id
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE {TABLE} INCLUDING ALL EXCLUDING INDEXES)', partition);
    -- Attaching lets the parent be written to meanwhile; CREATE ... PARTITION OF would not.
    EXECUTE format(
        'ALTER TABLE {TABLE} ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, first_id, end_id
    );
    RETURN true;
END
$$
"""  # noqa: S608 - our own names

DROP_PARTITION = f"""
CREATE FUNCTION messenger_journal_drop_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER STRICT
SET search_path = :schema, pg_temp
SET lock_timeout = '250ms'
AS $$
DECLARE
    partition text := '{TABLE}_' || to_char(day, 'YYYYMMDD');
    is_wanted boolean;
BEGIN
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
    """Turn the journal into partitions on PostgreSQL; narrow its indexes everywhere."""
    for name in OLD_INDEXES:
        op.drop_index(name, table_name=TABLE)
    if op.get_bind().dialect.name == "postgresql":
        _partition()
        return
    for name, (columns, where) in INDEXES.items():
        if not name.endswith("_pending"):
            op.execute(f"CREATE INDEX {name} ON {TABLE} {columns} WHERE {where}")


def downgrade() -> None:
    """Make one table of it again."""
    if op.get_bind().dialect.name == "postgresql":
        _unpartition()
    else:
        for name in INDEXES:
            if not name.endswith("_pending"):
                op.drop_index(name, table_name=TABLE)
    for name, columns in OLD_INDEXES.items():
        op.create_index(name, TABLE, columns)


def _partition() -> None:
    op.execute(f"ALTER TABLE {TABLE} RENAME TO {DEFAULT}")
    op.execute(f"ALTER TABLE {DEFAULT} RENAME CONSTRAINT pk_{TABLE} TO pk_{DEFAULT}")
    op.execute(f"ALTER INDEX ix_{TABLE}_pending RENAME TO ix_{DEFAULT}_pending")
    op.execute(
        f"CREATE TABLE {TABLE} (LIKE {DEFAULT} INCLUDING DEFAULTS,"
        f" CONSTRAINT pk_{TABLE} PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    for name, (columns, where) in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {TABLE} {columns} WHERE {where}")
    op.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {DEFAULT} DEFAULT")
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(FIRST_ID)
    for function in (ADD_PARTITION, DROP_PARTITION):
        op.execute(function.replace(":schema", schema))
    for function in ("add", "drop"):
        op.execute(f"REVOKE ALL ON FUNCTION messenger_journal_{function}_partition FROM PUBLIC")
    days = sa.func.generate_series(-1, DAYS_AHEAD).column_valued("days")
    today = sa.cast(sa.func.timezone("UTC", sa.func.now()), sa.Date)
    op.execute(sa.select(sa.func.messenger_journal_add_partition(today + days)))


def _unpartition() -> None:
    op.execute(f"ALTER TABLE {TABLE} RENAME TO {TABLE}_old")
    for index in (f"pk_{TABLE}", *INDEXES):
        op.execute(f"ALTER INDEX {index} RENAME TO {index}_old")
    op.execute(
        f"CREATE TABLE {TABLE} (LIKE {TABLE}_old INCLUDING DEFAULTS,"
        f" CONSTRAINT pk_{TABLE} PRIMARY KEY (id))"
    )
    op.execute(f"INSERT INTO {TABLE} SELECT * FROM {TABLE}_old")  # noqa: S608 - our own names
    op.execute(f"DROP TABLE {TABLE}_old")
    name = f"ix_{TABLE}_pending"
    columns, where = INDEXES[name]
    op.execute(f"CREATE INDEX {name} ON {TABLE} {columns} WHERE {where}")
    for function in ("add_partition", "drop_partition", "first_id"):
        op.execute(f"DROP FUNCTION messenger_journal_{function}")
