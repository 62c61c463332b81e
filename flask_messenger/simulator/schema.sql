CREATE TABLE IF NOT EXISTS apps (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    require_proof INTEGER NOT NULL DEFAULT 1,
    has_human_agent INTEGER NOT NULL DEFAULT 1,
    redirect_uris TEXT NOT NULL DEFAULT '[]',
    deauthorize_url TEXT NOT NULL DEFAULT '',
    data_deletion_url TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS app_subscriptions (
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    object TEXT NOT NULL,
    callback_url TEXT NOT NULL,
    verify_token TEXT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (app_id, object)
);
CREATE TABLE IF NOT EXISTS login_configs (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    permissions TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS people (
    slug TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    position INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS pages (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL,
    instagram_id TEXT,
    instagram_username TEXT
);
CREATE TABLE IF NOT EXISTS page_roles (
    person TEXT NOT NULL REFERENCES people (slug) ON DELETE CASCADE,
    page_id TEXT NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
    tasks TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (person, page_id)
);
CREATE TABLE IF NOT EXISTS grants (
    person TEXT NOT NULL REFERENCES people (slug) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    permissions TEXT NOT NULL,
    page_ids TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (person, app_id)
);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    page_id TEXT,
    parent TEXT,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    dead_subcode INTEGER
);
CREATE INDEX IF NOT EXISTS tokens_of_person ON tokens (person, app_id);
CREATE INDEX IF NOT EXISTS tokens_of_parent ON tokens (parent, page_id);
CREATE TABLE IF NOT EXISTS page_subscriptions (
    page_id TEXT NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    fields TEXT NOT NULL,
    failing_since INTEGER,
    PRIMARY KEY (page_id, app_id)
);
CREATE TABLE IF NOT EXISTS customers (
    slug TEXT PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    position INTEGER NOT NULL,
    is_seeded INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS threads (
    page_id TEXT NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
    psid TEXT NOT NULL UNIQUE,
    customer TEXT NOT NULL REFERENCES customers (slug) ON DELETE CASCADE,
    last_user_at INTEGER,
    last_at INTEGER NOT NULL DEFAULT 0,
    business_typing_until INTEGER NOT NULL DEFAULT 0,
    business_seen_at INTEGER NOT NULL DEFAULT 0,
    is_blocked INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (page_id, customer)
);
CREATE TABLE IF NOT EXISTS messages (
    mid TEXT PRIMARY KEY,
    psid TEXT NOT NULL REFERENCES threads (psid) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT,
    content TEXT NOT NULL,
    app_id TEXT,
    reply_to TEXT,
    sent_at INTEGER NOT NULL,
    delivered_at INTEGER,
    read_at INTEGER,
    reaction TEXT
);
CREATE INDEX IF NOT EXISTS messages_of_thread ON messages (psid, sent_at);
CREATE TABLE IF NOT EXISTS media (
    id TEXT PRIMARY KEY,
    page_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    is_reusable INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id TEXT NOT NULL,
    page_id TEXT NOT NULL,
    lane INTEGER NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    done_at INTEGER,
    last_answer TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, lane, next_at);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    method TEXT,
    path TEXT NOT NULL,
    remaining INTEGER NOT NULL,
    details TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS switches (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
