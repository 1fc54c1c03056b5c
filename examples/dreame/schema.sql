-- A small shop for robot vacuum cleaners that talk to the cloud.
-- Times are text in Swedish local time, unless the column says otherwise.

CREATE TABLE customers (
    id         INTEGER PRIMARY KEY,
    name       TEXT,
    phone      TEXT,
    email      TEXT,
    address    TEXT,
    city       TEXT,
    created_at TEXT NOT NULL,
    closed_at  TEXT,
    processing_restricted INTEGER NOT NULL DEFAULT 0
);

-- Who may be addressed for advertising, and what an advertising provider was told about them.
CREATE TABLE audience (
    id                   INTEGER PRIMARY KEY,
    customer_id          INTEGER REFERENCES customers (id),
    email                TEXT,
    interests            TEXT,
    provider             TEXT,
    created_at           TEXT NOT NULL,
    consented_at         TEXT,
    consent_withdrawn_at TEXT,
    sharing_objected_at  TEXT
);

CREATE TABLE orders (
    id                   INTEGER PRIMARY KEY,
    customer_id          INTEGER REFERENCES customers (id),
    ship_name            TEXT,
    ship_address         TEXT,
    ship_phone           TEXT,
    card_holder          TEXT,
    card_last4           TEXT,
    placed_at            TEXT NOT NULL,
    delivered_at         TEXT,
    replaced_at          TEXT,   -- a replacement starts the right to complain anew
    complaint_opened_at  TEXT,
    complaint_settled_at TEXT
);

CREATE TABLE invoices (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),
    order_id    INTEGER REFERENCES orders (id),
    number      TEXT NOT NULL UNIQUE,
    amount      INTEGER NOT NULL,
    issued_on   TEXT,
    settled_on  TEXT
);

CREATE TABLE devices (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),
    serial      TEXT NOT NULL,
    nickname    TEXT,
    paired_at   TEXT NOT NULL,
    unpaired_at TEXT
);

CREATE TABLE telemetry (
    id          INTEGER PRIMARY KEY,
    device_id   INTEGER NOT NULL REFERENCES devices (id),
    recorded_at INTEGER,          -- seconds since 1970
    floor_plan  TEXT
);

CREATE TABLE messages (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),
    sent_at     TEXT,
    body        TEXT
);

CREATE TABLE request_log (
    id           INTEGER PRIMARY KEY,
    requested_at INTEGER,         -- milliseconds since 1970
    ip           TEXT,
    cookie_id    TEXT,
    request      TEXT
);

CREATE TABLE crash_reports (
    id          INTEGER PRIMARY KEY,
    serial      TEXT,
    received_at TEXT,             -- ISO 8601 with an offset
    dump        TEXT
);

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),
    kind        TEXT NOT NULL,
    email       TEXT,
    created_at  TEXT NOT NULL,
    sent_at     TEXT
);
