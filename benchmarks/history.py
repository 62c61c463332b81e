"""Years of conversations in a minute: tables that already hold many messages.

Written by PostgreSQL itself, from numbers. Every run of the same size holds the same rows; ids are
UUIDv7 of the past, so that what a run adds sorts after them and can be told from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, text

from flask_messenger.models import Base, schema

ACCOUNTS: Final = 20
MESSAGES_A_CONVERSATION: Final = 50
PAGE_BASE: Final = 100_000_000_000_000
PERSON_BASE: Final = 2_000_000_000_000_000
DAYS: Final = 60
"""How far back the oldest message lies; the newest is an hour old."""

TOUCHED: Final = (
    "messenger_messages",
    "messenger_conversations",
    "messenger_identities",
    "messenger_webhook_entries",
    "messenger_receipts",
)
"""What a run adds rows to."""

# The age of row `i` of `count`, evenly from `DAYS` down to an hour.
_AGE: Final = (
    "(((:count - i) * ((:days * 86400 - 3600) / CAST(:count AS float)) + 3600) * interval '1 s')"
)
# Neighbours in time write in different threads, and each thread has both sides.
_THREAD: Final = "(CAST(i AS bigint) * 7919 % :conversations)"

_IS_INBOUND: Final = "(i / :conversations + i) % 5 < 3"

_STATEMENTS: Final = (
    """
    INSERT INTO messenger_accounts (id, workspace_id, channel, external_id, name, status, app_name,
        granted_scopes, subscribed_fields, created_at, updated_at)
    SELECT uuidv7(-:days * interval '2 d'), 'bench-' || i / 2, 'facebook', (:page_base + i)::text,
        'Page ' || i, 'active', 'default', '[]', '[]', now(), now()
    FROM generate_series(0, :accounts - 1) i
    """,
    """
    CREATE UNLOGGED TABLE bench_threads AS
    SELECT i AS number, uuidv7(-:days * interval '1 d' - (:conversations - i) * interval '1 s')
        AS identity_id, uuidv7(-:days * interval '1 d' - (:conversations - i) * interval '1 s')
        AS conversation_id, account.id AS account_id, account.workspace_id
    FROM generate_series(0, :conversations - 1) i
    JOIN messenger_accounts account ON account.external_id = (:page_base + i % :accounts)::text
    """,
    "ALTER TABLE bench_threads ADD PRIMARY KEY (number)",
    """
    INSERT INTO messenger_identities (id, workspace_id, account_id, external_id, name,
        profile_state, created_at, updated_at)
    SELECT identity_id, workspace_id, account_id, (:person_base + number)::text,
        'Person ' || number, 'fetched', now(), now()
    FROM bench_threads
    """,
    """
    INSERT INTO messenger_conversations (id, workspace_id, account_id, identity_id, channel, status,
        unread_count, created_at, updated_at)
    SELECT conversation_id, workspace_id, account_id, identity_id, 'facebook', 'open', 0, now(),
        now()
    FROM bench_threads
    """,
    f"""
    INSERT INTO messenger_messages (id, workspace_id, account_id, conversation_id, external_id,
        direction, kind, text, content, status, sent_at, sent_by, attempts, announced_at,
        created_at, updated_at)
    SELECT uuidv7(-{_AGE}), workspace_id, account_id, conversation_id,
        'm_' || translate(encode(sha512(i::text::bytea), 'base64'), E'+/=\\n', '-_'),
        CASE WHEN {_IS_INBOUND} THEN 'inbound' ELSE 'outbound' END, 'text',
        'Message ' || i || ', about as long as what people write to a business in one go.', '{{}}',
        CASE WHEN {_IS_INBOUND} THEN 'received' ELSE 'read' END, now() - {_AGE},
        CASE WHEN {_IS_INBOUND} THEN 'customer' ELSE 'person' END, 0, now(), now(), now()
    FROM generate_series(0, :count - 1) i JOIN bench_threads ON number = {_THREAD}
    ORDER BY i
    """,  # noqa: S608 - made of constants
    """
    UPDATE messenger_conversations SET last_message_at = newest.sent_at,
        last_message_id = newest.id, last_inbound_at = newest.sent_at, seen_until = newest.sent_at,
        read_until = newest.sent_at, delivered_until = newest.sent_at
    FROM (SELECT DISTINCT ON (conversation_id) conversation_id, id, sent_at
        FROM messenger_messages ORDER BY conversation_id, sent_at DESC) newest
    WHERE newest.conversation_id = messenger_conversations.id
    """,
    "DROP TABLE bench_threads",
)


@dataclass(frozen=True, slots=True)
class History:
    """What `make_history` wrote, for those who write more."""

    messages: int
    conversations: int

    def page_of(self, person: int) -> str:
        """Return the external id of the Page that person number `person` writes to."""
        return str(PAGE_BASE + person % ACCOUNTS)

    def person(self, number: int) -> str:
        """Return a person's external id; `conversations` and more are people nobody met yet."""
        return str(PERSON_BASE + number)


def make_history(engine: Engine, messages: int) -> History:
    """Migrate the database of `engine` and fill it with `messages` messages."""
    schema.upgrade(engine)
    history = History(messages, max(1, messages // MESSAGES_A_CONVERSATION))
    parameters = {
        "accounts": ACCOUNTS,
        "conversations": history.conversations,
        "count": messages,
        "days": DAYS,
        "page_base": PAGE_BASE,
        "person_base": PERSON_BASE,
    }
    with engine.begin() as connection:
        # The rows are right by the way they are made; checking each key anew takes minutes.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in _STATEMENTS:
            used = {key: value for key, value in parameters.items() if f":{key}" in statement}
            connection.execute(text(statement), used)
    _vacuum(engine, [table.name for table in Base.metadata.sorted_tables], "(ANALYZE)")
    return history


def forget_news(engine: Engine) -> None:
    """Remove what a run added, so that the next one meets the same tables."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in TOUCHED:
            boundary = "uuidv7(- interval '30 min')"
            connection.execute(text(f"DELETE FROM {table} WHERE id > {boundary}"))  # noqa: S608
    _vacuum(engine, TOUCHED)


def _vacuum(engine: Engine, tables: Iterable[str], how: str = "") -> None:
    """Give back what dead rows hold, as autovacuum would in time."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.execute(text(f"VACUUM {how} {table}"))
