"""Index what the inbox searches and sorts.

Revision: 0006
Follows: 0005

On PostgreSQL the words of a message are indexed under its workspace and the week it was sent in,
and a person's name under its workspace. `messenger_search` looks from the newest week backwards
and stops when it has found enough: a common word costs no more in ten million messages than in
a hundred thousand.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A word that the parser keeps may be longer than what can be put together again: so it is cut.
WORDS = """
CREATE FUNCTION messenger_words(salt text, body text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN array_to_tsvector(ARRAY(
        SELECT salt || left(word, 200)
        FROM unnest(tsvector_to_array(to_tsvector('simple'::regconfig, left(body, 20000)))) AS word
    ));
END $$
"""

WEEK = """
CREATE FUNCTION messenger_week(moment timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN floor(extract(epoch FROM moment - '2000-01-01 00:00:00+00'::timestamptz) / 604800)::integer
"""

SALT = """
CREATE FUNCTION messenger_salt(workspace text, moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(md5(workspace), 8) || coalesce(messenger_week(moment)::text, 'n') || ':'
"""

# Scripts that put no space between words, from Thai to Korean: their words have no beginnings to
# look for.
UNSPACED = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff]"

# It sees the workspace in scope and no other, whoever runs it. Where row-level security holds for
# whoever owns it, PostgreSQL may not ask the index before the policy, so all words are read.
SEARCH = r"""
CREATE FUNCTION messenger_search(asked text, pattern text, most integer) RETURNS SETOF uuid
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
    IF row_security_active('messenger_messages') OR template IS NULL OR asked ~ '{unspaced}' THEN
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

# chr(39) is the quote that a word of a query stands in, chr(92) the backslash; chr(1) stands where
# the workspace and the week come.
TEMPLATE = """
CREATE FUNCTION messenger_template(words text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT string_agg(
        chr(39) || chr(1) || replace(replace(left(word, 200),
            chr(92), chr(92) || chr(92)), chr(39), chr(39) || chr(39)) || chr(39) || ':*',
        ' & '
    )
    FROM unnest(words) AS word
)
"""

MESSAGES_INDEX = """
CREATE INDEX ix_messenger_messages_words ON messenger_messages
USING gin (messenger_words(messenger_salt(workspace_id, sent_at), text)) WHERE text IS NOT NULL
"""

IDENTITIES_INDEX = """
CREATE INDEX ix_messenger_identities_words ON messenger_identities
USING gin (messenger_words(messenger_salt(workspace_id, NULL), name)) WHERE name IS NOT NULL
"""

PLAIN = {
    "ix_messenger_conversations_assigned": (
        ["workspace_id", "status", "assignee_ref", "last_message_at", "id"],
        None,
    ),
    "ix_messenger_conversations_of_account": (
        ["account_id", "status", "last_message_at", "id"],
        None,
    ),
    "ix_messenger_conversations_unread": (
        ["workspace_id", "status", "last_message_at"],
        "unread_count > 0",
    ),
}


def upgrade() -> None:
    """Apply."""
    for name, (columns, where) in PLAIN.items():
        condition = None if where is None else sa.text(where)
        op.create_index(
            name,
            "messenger_conversations",
            columns,
            postgresql_where=condition,
            sqlite_where=condition,
        )
    if op.get_bind().dialect.name != "postgresql":
        return
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    search = SEARCH.format(schema=schema, unspaced=UNSPACED)
    for statement in (WORDS, WEEK, SALT, TEMPLATE, search, MESSAGES_INDEX, IDENTITIES_INDEX):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION messenger_search(text, text, integer)")
        op.execute("DROP INDEX ix_messenger_messages_words")
        op.execute("DROP INDEX ix_messenger_identities_words")
        op.execute("DROP FUNCTION messenger_template(text[])")
        op.execute("DROP FUNCTION messenger_salt(text, timestamptz)")
        op.execute("DROP FUNCTION messenger_week(timestamptz)")
        op.execute("DROP FUNCTION messenger_words(text, text)")
    for name in PLAIN:
        op.drop_index(name, "messenger_conversations")
