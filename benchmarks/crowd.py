"""A database full of conversations, made by PostgreSQL itself: ten million messages in minutes.

Workspaces are of two kinds, as they are in life: one `large` that holds a tenth of all messages,
and many of `TENANT_MESSAGES` each, whose number grows with the size.
"""

import hashlib
import logging
import time
from typing import Final

from sqlalchemy import Connection, Engine, text

logger = logging.getLogger(__name__)

LARGE: Final = "large"
TENANT_MESSAGES: Final = 20_000
MESSAGES_A_THREAD: Final = 20
WORDS: Final = 5_000
DAYS: Final = 400

_PREPARE: Final = """
SET session_replication_role = replica;  -- the rows are right by construction: no key is checked
SET synchronous_commit = off;
SET maintenance_work_mem = '1GB';
SET work_mem = '256MB';
CREATE FUNCTION pg_temp.word(number bigint) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN 'w' || substr(md5(number::text), 1, 7);
CREATE TEMP TABLE workspaces AS
    SELECT 'large' AS name, greatest(:messages / 10, 100) AS messages
    UNION ALL
    SELECT 't' || n, :tenant FROM generate_series(1, greatest(:messages * 9 / 10 / :tenant, 1)) n;
INSERT INTO messenger_accounts (id, workspace_id, location_id, channel, external_id, name, status,
        app_name, granted_scopes, subscribed_fields, created_at, updated_at)
    SELECT uuidv7(), name, 'l' || a, 'facebook', name || '-' || a, 'Page ' || a, 'active',
        'default', '[]', '[]', now(), now()
    FROM workspaces, generate_series(1, 4) AS a;
CREATE TEMP TABLE threads AS
    SELECT uuidv7() AS id, uuidv7() AS identity_id, a.id AS account_id, a.workspace_id,
        row_number() OVER () AS number,
        now() - random() * :days * interval '1 day' AS ended_at
    FROM workspaces w
    JOIN messenger_accounts a ON a.workspace_id = w.name,
    generate_series(1, w.messages / :a_thread / 4) AS n;
INSERT INTO messenger_identities (id, workspace_id, account_id, external_id, name, profile_state,
        created_at, updated_at)
    SELECT identity_id, workspace_id, account_id, 'p' || number,
        initcap(pg_temp.word(number * 7919 % :words)) || ' ' ||
        initcap(pg_temp.word(number * 104729 % :words)), 'fetched', now(), now()
    FROM threads;
"""

_MESSAGES: Final = """
INSERT INTO messenger_messages (id, workspace_id, account_id, conversation_id, external_id,
        direction, kind, text, content, status, sent_at, sent_by, attempts, announced_at,
        created_at, updated_at)
    SELECT uuidv7(m.at - now()), t.workspace_id, t.account_id, t.id, 'm_' || t.number || '_' || n,
        CASE WHEN n % 3 = 0 THEN 'outbound' ELSE 'inbound' END, 'text', m.words, '{}',
        CASE WHEN n % 3 = 0 THEN 'read' ELSE 'received' END, m.at,
        CASE WHEN n % 3 = 0 THEN 'person' ELSE 'customer' END, 0, m.at, m.at, m.at
    FROM threads t, generate_series(1, :a_thread) AS n,
    LATERAL (SELECT t.ended_at - (:a_thread - n) * interval '7 minutes' AS at,
        -- Few words are common and most are rare: the cube of an even chance picks them.
        array_to_string(ARRAY(SELECT pg_temp.word(floor(power(random(), 3) * :words)::bigint)
            FROM generate_series(1, 8 + 0 * n)), ' ') AS words) AS m
    WHERE t.number > :first AND t.number <= :last;
"""

_FINISH: Final = """
INSERT INTO messenger_conversations (id, workspace_id, account_id, identity_id, channel, status,
        assignee_ref, last_inbound_at, last_message_at, last_message_id, unread_count,
        created_at, updated_at)
    SELECT t.id, t.workspace_id, t.account_id, t.identity_id, 'facebook',
        CASE WHEN t.number % 4 = 0 THEN 'open' ELSE 'closed' END,
        CASE WHEN t.number % 8 = 0 THEN '1' WHEN t.number % 8 = 4 THEN '2' END,
        m.sent_at, m.sent_at, m.id, (t.number % 12 = 0)::int, m.sent_at, m.sent_at
    FROM threads t JOIN messenger_messages m
        ON m.account_id = t.account_id
        AND m.external_id = 'm_' || t.number || '_' || :a_thread;
"""

THREADS_A_STEP: Final = 50_000


def word_at(number: int) -> str:
    """Return one of the words that messages are made of; low numbers are in many."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return f"w{digest[:7]}"


def fill(engine: Engine, *, messages: int) -> None:
    """Fill the empty tables with about `messages` messages, and let the planner know them."""
    started_at = time.monotonic()
    values = {
        "messages": messages,
        "tenant": min(TENANT_MESSAGES, messages // 4),
        "words": WORDS,
        "days": DAYS,
        "a_thread": MESSAGES_A_THREAD,
    }
    with engine.connect() as connection:
        _run(connection, _PREPARE, values)
        indexes = _drop_indexes(connection)
        threads = connection.execute(text("SELECT count(*) FROM threads")).scalar_one()
        for first in range(0, threads, THREADS_A_STEP):
            step = {**values, "first": first, "last": first + THREADS_A_STEP}
            _run(connection, _MESSAGES, step)
            connection.commit()
        _run(connection, _FINISH, values)
        for definition in indexes:
            connection.execute(text(definition))
        connection.commit()
        connection.detach()  # its settings are not for others
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
    logger.info("filled messages=%s seconds=%.0f", messages, time.monotonic() - started_at)


def _run(connection: Connection, script: str, values: dict[str, int]) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(text(statement), values)


def _drop_indexes(connection: Connection) -> list[str]:
    """Drop the messages' indexes that no constraint needs, and return how to make them again."""
    found = connection.execute(
        text(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'messenger_messages'"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        )
    ).all()
    for row in found:
        connection.execute(text(f'DROP INDEX "{row.indexname}"'))
    return [row.indexdef for row in found]
