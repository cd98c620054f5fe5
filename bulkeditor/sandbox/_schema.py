"""Tables and indexes. Times are whole microseconds since 1970; money is whole millionths, exact."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
-- Columns to filter and sort by. The ready JSON of a product stands in docs: listing a page joins bytes.
CREATE TABLE products (
    ord INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sku TEXT,
    title TEXT,
    handle TEXT,
    vendor TEXT,
    product_type TEXT,
    category TEXT,
    status TEXT,
    tags BLOB NOT NULL,
    price INTEGER,
    compare_at_price INTEGER,
    cost INTEGER,
    inventory_quantity INTEGER NOT NULL,
    barcode TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE docs (ord INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;

-- Names of fields beyond the known ones that the catalog brought along.
CREATE TABLE extra_fields (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE locations (
    idx INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    sync_enabled INTEGER NOT NULL
) STRICT;

CREATE TABLE levels (
    ord INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    on_hand INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (ord, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    operation TEXT NOT NULL,
    filter TEXT NOT NULL,
    updates TEXT NOT NULL,
    schedule INTEGER,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    status TEXT NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    processed INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cursor INTEGER NOT NULL DEFAULT 0,
    stalled INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE job_targets (
    job INTEGER NOT NULL,
    ord INTEGER NOT NULL,
    PRIMARY KEY (job, ord)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_errors (
    num INTEGER PRIMARY KEY,
    job INTEGER NOT NULL,
    product_id TEXT,
    sku TEXT,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    field TEXT
) STRICT;
CREATE INDEX job_errors_by_job ON job_errors (job, num);

CREATE TABLE webhooks (
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    events TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    secret TEXT NOT NULL,
    previous_secret TEXT,
    previous_expires_at INTEGER,
    enabled INTEGER NOT NULL,
    failing_since INTEGER,
    disabled_at INTEGER,
    disabled_reason TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE deliveries (
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    webhook TEXT NOT NULL,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    delivered_at INTEGER,
    next_attempt_at INTEGER,
    -- How many later deliveries still go first (an injected fault); 0 once they have, NULL without a fault.
    overtakers INTEGER
) STRICT;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook, num);
CREATE INDEX deliveries_overtaken ON deliveries (webhook) WHERE overtakers > 0;
CREATE INDEX deliveries_waiting ON deliveries (webhook) WHERE status = 'pending';

CREATE TABLE delivery_attempts (
    num INTEGER PRIMARY KEY,
    delivery TEXT NOT NULL,
    at INTEGER NOT NULL,
    response_status INTEGER,
    error TEXT
) STRICT;
CREATE INDEX delivery_attempts_by_delivery ON delivery_attempts (delivery, num);

-- The time that each product's or job's last event carries.
CREATE TABLE event_times (entity TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE TABLE oauth_clients (id TEXT PRIMARY KEY, digest TEXT NOT NULL, scopes TEXT NOT NULL) STRICT;

CREATE TABLE oauth_tokens (
    num INTEGER PRIMARY KEY,
    client TEXT NOT NULL,
    scopes TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL,
    refresh_digest TEXT UNIQUE
) STRICT;

CREATE TABLE idempotency (
    credential TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    content_type TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (credential, key)
) STRICT;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- What is due when. A lane is a worker; the earliest of all is what a moving clock reaches first.
CREATE TABLE timers (
    num INTEGER PRIMARY KEY,
    due INTEGER NOT NULL,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL
) STRICT;
CREATE INDEX timers_by_due ON timers (due, num);
CREATE INDEX timers_by_lane ON timers (lane, due, num);
CREATE INDEX timers_by_ref ON timers (kind, ref);

CREATE TABLE journal (
    num INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    request_id TEXT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    route TEXT,
    status INTEGER,
    credential TEXT,
    idempotency_key TEXT,
    replayed INTEGER NOT NULL,
    relative INTEGER NOT NULL,
    fingerprint TEXT,
    fault TEXT,
    effect_count INTEGER NOT NULL,
    effects TEXT NOT NULL
) STRICT;

CREATE TABLE counters (kind TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
"""

INDEXES: Final = """
CREATE INDEX products_by_sku ON products (sku);
CREATE INDEX products_by_vendor ON products (vendor, product_type);
CREATE INDEX products_by_type ON products (product_type);
CREATE INDEX products_by_category ON products (category);
CREATE INDEX products_by_status ON products (status);
CREATE INDEX products_by_barcode ON products (barcode);
CREATE INDEX products_by_handle ON products (handle);
PRAGMA analysis_limit = 400;
ANALYZE;
"""
