CREATE TABLE IF NOT EXISTS apps (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    -- The dashboard's Instagram product has an id and a secret of its own.
    instagram_app_id TEXT UNIQUE,
    instagram_app_secret TEXT,
    mode TEXT NOT NULL DEFAULT 'live',
    require_proof INTEGER NOT NULL DEFAULT 1,
    has_human_agent INTEGER NOT NULL DEFAULT 1,
    redirect_uris TEXT NOT NULL DEFAULT '[]',
    deauthorize_url TEXT NOT NULL DEFAULT '',
    data_deletion_url TEXT NOT NULL DEFAULT '',
    instagram_deauthorize_url TEXT NOT NULL DEFAULT '',
    instagram_data_deletion_url TEXT NOT NULL DEFAULT ''
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
    category TEXT NOT NULL
);
-- `id` is the professional account's id, which webhooks name; `page_id` the Page that it is linked
-- to, null for one that can only be reached by Instagram Login.
CREATE TABLE IF NOT EXISTS instagram_accounts (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    account_type TEXT NOT NULL,
    page_id TEXT UNIQUE REFERENCES pages (id) ON DELETE SET NULL,
    allows_messages INTEGER NOT NULL DEFAULT 1,
    followers_count INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL
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
-- What an Instagram account allowed an app by Instagram Login; here the account is the person.
CREATE TABLE IF NOT EXISTS instagram_grants (
    instagram_id TEXT NOT NULL REFERENCES instagram_accounts (id) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    permissions TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (instagram_id, app_id)
);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    instagram_id TEXT,
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
    instagram_id TEXT,
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
-- The webhooks of an account that was connected by Instagram Login. One that hangs on a Page rides
-- on the Page's subscription.
CREATE TABLE IF NOT EXISTS instagram_subscriptions (
    instagram_id TEXT NOT NULL REFERENCES instagram_accounts (id) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    fields TEXT NOT NULL,
    failing_since INTEGER,
    PRIMARY KEY (instagram_id, app_id)
);
CREATE TABLE IF NOT EXISTS customers (
    slug TEXT PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    position INTEGER NOT NULL,
    is_seeded INTEGER NOT NULL,
    username TEXT,
    followers_count INTEGER NOT NULL DEFAULT 0,
    is_verified INTEGER NOT NULL DEFAULT 0
);
-- `account_id` is a Page or an Instagram account, `psid` what that account calls the person: a PSID
-- or an IGSID. The owner is the app that controls the thread (none: idle), until `owner_until`.
CREATE TABLE IF NOT EXISTS threads (
    account_id TEXT NOT NULL,
    channel TEXT NOT NULL DEFAULT 'messenger',
    psid TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL UNIQUE,
    customer TEXT NOT NULL REFERENCES customers (slug) ON DELETE CASCADE,
    last_user_at INTEGER,
    last_at INTEGER NOT NULL DEFAULT 0,
    business_typing_until INTEGER NOT NULL DEFAULT 0,
    business_seen_at INTEGER NOT NULL DEFAULT 0,
    is_blocked INTEGER NOT NULL DEFAULT 0,
    -- What the business did to the person by `moderate_conversations`.
    is_blocked_by_business INTEGER NOT NULL DEFAULT 0,
    is_banned INTEGER NOT NULL DEFAULT 0,
    is_spam INTEGER NOT NULL DEFAULT 0,
    owner_app_id TEXT,
    owner_until INTEGER NOT NULL DEFAULT 0,
    linked_at INTEGER,
    revision INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, customer)
);
-- Conversation routing of an account; one without a row lets every app answer.
CREATE TABLE IF NOT EXISTS routing (
    account_id TEXT PRIMARY KEY,
    default_app_id TEXT NOT NULL,
    default_may_take INTEGER NOT NULL DEFAULT 1
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
    reaction TEXT,
    business_reaction TEXT,
    persona_id TEXT,
    private_reply_to TEXT,
    edits INTEGER NOT NULL DEFAULT 0,
    deleted_at INTEGER
);
CREATE INDEX IF NOT EXISTS messages_of_thread ON messages (psid, sent_at);
CREATE TABLE IF NOT EXISTS media (
    id TEXT PRIMARY KEY,
    page_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    is_reusable INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    created_at INTEGER NOT NULL DEFAULT 0
);
-- What an account published, or a visitor on a Page (`customer`): post, photo, video, reel, story,
-- live, ad. A Page's id is `<page>_<number>`, Instagram's a media id. `ended_at` ends a live video
-- and a story.
CREATE TABLE IF NOT EXISTS posts (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    customer TEXT REFERENCES customers (slug) ON DELETE CASCADE,
    text TEXT,
    picture TEXT,
    ad_id TEXT,
    ad_title TEXT,
    original_id TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    deleted_at INTEGER,
    private_reply_mid TEXT
);
CREATE INDEX IF NOT EXISTS posts_of_account ON posts (account_id, created_at);
-- Without a `customer` it is the account's own, written by `app_id`. `parent_id` is the comment it
-- answers, null at the top level.
CREATE TABLE IF NOT EXISTS comments (
    id TEXT PRIMARY KEY,
    post_id TEXT NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    parent_id TEXT,
    customer TEXT REFERENCES customers (slug) ON DELETE CASCADE,
    app_id TEXT,
    text TEXT NOT NULL,
    picture TEXT,
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    is_hidden INTEGER NOT NULL DEFAULT 0,
    deleted_at INTEGER,
    private_reply_mid TEXT
);
CREATE INDEX IF NOT EXISTS comments_of_post ON comments (post_id, created_at);
-- Where somebody named an Instagram account elsewhere: in a caption, or in the comment `id`.
CREATE TABLE IF NOT EXISTS mentions (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    media_id TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS personas (
    id TEXT PRIMARY KEY,
    page_id TEXT NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    profile_picture_url TEXT NOT NULL,
    deleted_at INTEGER
);
-- The messenger profile: one row a property; `account_id` is a Page or an Instagram account.
CREATE TABLE IF NOT EXISTS profile_properties (
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
);
CREATE TABLE IF NOT EXISTS user_menus (
    psid TEXT PRIMARY KEY REFERENCES threads (psid) ON DELETE CASCADE,
    persistent_menu TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS message_templates (
    id TEXT PRIMARY KEY,
    page_id TEXT NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    category TEXT NOT NULL,
    parameter_format TEXT NOT NULL,
    components TEXT NOT NULL,
    status TEXT NOT NULL,
    rejected_reason TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (page_id, name, language)
);
-- What a person gave the business beside a message: a checkbox's `user_ref`, a token of an opt-in,
-- the `account_linking_token` of a log in button. `kind` says which.
CREATE TABLE IF NOT EXISTS optins (
    token TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    account_id TEXT NOT NULL,
    customer TEXT NOT NULL REFERENCES customers (slug) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
);
CREATE TABLE IF NOT EXISTS labels (
    id TEXT PRIMARY KEY,
    page_id TEXT NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE (page_id, name)
);
CREATE TABLE IF NOT EXISTS label_people (
    label_id TEXT NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
    psid TEXT NOT NULL REFERENCES threads (psid) ON DELETE CASCADE,
    PRIMARY KEY (label_id, psid)
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id TEXT NOT NULL,
    page_id TEXT NOT NULL,
    object TEXT NOT NULL DEFAULT 'page',
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
