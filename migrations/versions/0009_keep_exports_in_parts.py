"""Keep exports in parts; wall off the days of the journal; let a plain role own the search.

- `messenger_export_parts` holds the documents of exports, a part a row.
- The audit log of one workspace is read in the order of its ids, by an index of its own.
- Whoever has a grant on one day of the journal, by default privileges say, sees nothing there:
  row-level security is on and there is no policy. The owner's own functions are not held by it.
- `messenger_put_back` leaves what was applied for another workspace where it is.
- `messenger_search` uses its index also where its owner may read by a policy, not only where it
  has BYPASSRLS. `flask messenger roles create` makes that policy.

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op

from flask_messenger.models.walls import protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLE = "messenger_webhook_entries"
DEFAULT = f"{TABLE}_default"
PARTS = "messenger_export_parts"
AUDIT_INDEX = "ix_messenger_audit_log_workspace_id_id"
SEARCHED = ("messenger_conversations", "messenger_identities", "messenger_messages")

PARTITIONS = f"""
    SELECT quote_ident(part.relname) FROM pg_inherits
    JOIN pg_class part ON part.oid = inhrelid
    WHERE inhparent = to_regclass('{TABLE}') ORDER BY 1
"""  # noqa: S608 - our own names

# Not forced: the owner's own function has to see what waits in a day before it drops that.
WALL_OFF = "EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);"

ADD_PARTITION = f"""
CREATE OR REPLACE FUNCTION messenger_journal_add_partition(day date) RETURNS boolean
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
    :wall_off
    -- Attaching lets the parent be written to meanwhile; CREATE ... PARTITION OF would not.
    EXECUTE format(
        'ALTER TABLE {TABLE} ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, first_id, end_id
    );
    RETURN true;
END
$$
"""  # noqa: S608 - our own names

PUT_BACK = """
CREATE OR REPLACE FUNCTION messenger_put_back(asked_object text, page_id text)
RETURNS SETOF uuid
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = {schema}, pg_temp
AS $$
DECLARE
    before text := coalesce(current_setting('messenger.system', true), '');
BEGIN
    PERFORM set_config('messenger.system', 'on', true);
    RETURN QUERY UPDATE messenger_webhook_entries e
    SET state = 'pending', attempts = 0, error = NULL, processed_at = NULL
    WHERE e.object = asked_object AND e.external_id = page_id AND e.state = 'unrouted'
      {is_not_anothers}
      -- For the workspace that has the Page now, and nobody else.
      AND EXISTS (
          SELECT FROM messenger_accounts a
          WHERE a.external_id = page_id AND a.status <> 'disconnected'
            AND a.workspace_id = current_setting('messenger.workspace_id', true)
      )
    RETURNING e.id;
    PERFORM set_config('messenger.system', before, true);
END
$$
"""
IS_NOT_ANOTHERS = """-- What was applied for somebody else before stays theirs.
      AND (e.workspace_id IS NULL
          OR e.workspace_id = current_setting('messenger.workspace_id', true))"""

# Scripts that put no space between words, from Thai to Korean: their words have no beginnings to
# look for.
UNSPACED = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff]"
WAS_HELD = "row_security_active('messenger_messages')"
# A policy that says `true` leaves nothing to be compared before the index is asked.
IS_HELD = """row_security_active('messenger_messages') AND NOT EXISTS (
        SELECT FROM pg_policy
        WHERE polrelid = 'messenger_messages'::regclass AND polname = 'messenger_reading'
          AND quote_ident(current_user)::regrole = ANY (polroles)
    )"""

# It sees the workspace in scope and no other, whoever runs it.
SEARCH = r"""
CREATE OR REPLACE FUNCTION messenger_search(asked text, pattern text, most integer)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    workspace text := nullif(current_setting('messenger.workspace_id', true), '');
    words text[] := tsvector_to_array(to_tsvector('simple'::regconfig, asked));
    template text := messenger_template(words);
    week integer := messenger_week(now()) + 1;
    weeks integer := 1;
    found_ids uuid[] := '{{}}';
    query tsquery;
BEGIN
    IF workspace IS NULL THEN
        RETURN;
    END IF;
    IF {is_held} OR template IS NULL OR asked ~ '{unspaced}' THEN
        RETURN QUERY
            SELECT c.id FROM messenger_identities i
            JOIN messenger_conversations c ON c.account_id = i.account_id AND c.identity_id = i.id
            WHERE i.workspace_id = workspace AND i.name ILIKE pattern ESCAPE '/'
            LIMIT most;
        RETURN QUERY
            SELECT m.conversation_id FROM messenger_messages m
            WHERE m.workspace_id = workspace AND m.conversation_id IS NOT NULL
              AND m.text ILIKE pattern ESCAPE '/'
            GROUP BY m.conversation_id ORDER BY max(m.sent_at) DESC
            LIMIT most;
        RETURN;
    END IF;
    -- What the index answers is worked out by itself (MATERIALIZED): put together with the
    -- workspace, the planner would rather read everything the workspace has.
    query := replace(template, chr(1), messenger_salt(workspace, NULL))::tsquery;
    RETURN QUERY
        WITH hits AS MATERIALIZED (
            SELECT i.id, i.account_id, i.workspace_id, i.name FROM messenger_identities i
            WHERE messenger_words(messenger_salt(i.workspace_id, NULL), i.name) @@ query
              AND i.name IS NOT NULL
        )
        SELECT c.id FROM hits
        JOIN messenger_conversations c
            ON c.account_id = hits.account_id AND c.identity_id = hits.id
        WHERE hits.workspace_id = workspace AND hits.name ILIKE pattern ESCAPE '/'
        LIMIT most;
    WHILE weeks <= 256 AND cardinality(found_ids) < most LOOP
        query := (
            SELECT string_agg(
                '(' || replace(template, chr(1), left(md5(workspace), 8) || n || ':') || ')', '|'
            )::tsquery
            FROM generate_series(week - weeks + 1, week) AS n
        );
        found_ids := found_ids || ARRAY(
            WITH hits AS MATERIALIZED (
                SELECT m.conversation_id, m.workspace_id, m.sent_at, m.text
                FROM messenger_messages m
                WHERE messenger_words(messenger_salt(m.workspace_id, m.sent_at), m.text) @@ query
                  AND m.text IS NOT NULL
            )
            SELECT conversation_id FROM hits
            WHERE workspace_id = workspace AND conversation_id IS NOT NULL
              AND text ILIKE pattern ESCAPE '/' AND conversation_id <> ALL (found_ids)
            GROUP BY conversation_id ORDER BY max(sent_at) DESC
            LIMIT most - cardinality(found_ids)
        );
        week := week - weeks;
        weeks := weeks * 2;
    END LOOP;
    RETURN QUERY SELECT unnest(found_ids);
END $$
"""
OWNER_OF_SEARCH = """
    SELECT quote_ident(pg_get_userbyid(proowner)) AS owner,
        pg_has_role(proowner, 'USAGE') AS is_ours, quote_ident(current_user) AS current
    FROM pg_proc WHERE oid = to_regprocedure('messenger_search(text, text, integer)')
"""


def upgrade() -> None:
    """Make the table and the index; on PostgreSQL replace three functions as well."""
    op.create_table(
        PARTS,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content_sealed", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["messenger_data_requests.id"],
            name=op.f("fk_messenger_export_parts_request_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_export_parts")),
        sa.UniqueConstraint(
            "request_id", "number", name=op.f("uq_messenger_export_parts_request_id_number")
        ),
    )
    op.create_index(AUDIT_INDEX, "messenger_audit_log", ["workspace_id", "id"])
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    protect(connection, PARTS)
    for partition in connection.scalars(sa.text(PARTITIONS)).all():
        op.execute(f"ALTER TABLE {partition} ENABLE ROW LEVEL SECURITY")
    _replace_functions(wall_off=WALL_OFF, is_not_anothers=IS_NOT_ANOTHERS)
    _replace_search(IS_HELD)


def downgrade() -> None:
    """Take back."""
    op.drop_index(AUDIT_INDEX, "messenger_audit_log")
    op.drop_table(PARTS)
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for partition in connection.scalars(sa.text(PARTITIONS)).all():
        op.execute(f"ALTER TABLE {partition} DISABLE ROW LEVEL SECURITY")
    _replace_functions(wall_off="", is_not_anothers="")
    for table in SEARCHED:
        op.execute(f"DROP POLICY IF EXISTS messenger_reading ON {table}")
    _replace_search(WAS_HELD)


def _replace_functions(*, wall_off: str, is_not_anothers: str) -> None:
    connection = op.get_bind()
    schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(ADD_PARTITION.replace(":schema", schema).replace(":wall_off", wall_off))
    connection.exec_driver_sql(PUT_BACK.format(schema=schema, is_not_anothers=is_not_anothers))


def _replace_search(is_held: str) -> None:
    """Replace the search; where it belongs to a role of its own it is made anew, and is ours."""
    connection = op.get_bind()
    found = connection.execute(sa.text(OWNER_OF_SEARCH)).one()
    if not found.is_ours:
        op.execute(f"SET LOCAL ROLE {found.owner}")
        op.execute("DROP FUNCTION messenger_search(text, text, integer)")
        op.execute(f"SET LOCAL ROLE {found.current}")
    schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
    connection.exec_driver_sql(SEARCH.format(schema=schema, unspaced=UNSPACED, is_held=is_held))
    if not found.is_ours:
        op.execute("REVOKE ALL ON FUNCTION messenger_search(text, text, integer) FROM PUBLIC")
