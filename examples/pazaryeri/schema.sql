-- A marketplace where firms show what they make and write to each other.
-- Times are ISO 8601 with an offset, unless the column says otherwise.

CREATE TABLE members (
    id              INTEGER PRIMARY KEY,
    company_name    TEXT,
    licence_no      TEXT,
    credit_code     TEXT,
    company_address TEXT,
    company_phone   TEXT,
    fax             TEXT,
    main_products   TEXT,
    contact_name    TEXT,
    email           TEXT UNIQUE,
    mobile          TEXT,
    registered_at   TEXT NOT NULL,
    last_login_at   TEXT,
    warned_at       TEXT,            -- told that an account nobody uses will be deleted
    cancelled_at    TEXT,            -- when the call or the chat reached us
    cancel_entered  TEXT,            -- when an agent typed it in; no clock reads this
    erasure_granted_at TEXT,         -- when we granted what the member asked for
    service_ended_at TEXT,           -- when we stopped serving this member for good
    service_stopped INTEGER NOT NULL DEFAULT 0
);

-- What a member cleared or changed: the values before.
CREATE TABLE profile_history (
    id         INTEGER PRIMARY KEY,
    member_id  INTEGER NOT NULL REFERENCES members (id),
    field      TEXT NOT NULL,
    old_value  TEXT,
    changed_at TEXT
);

CREATE TABLE enquiries (
    id          INTEGER PRIMARY KEY,
    member_id   INTEGER REFERENCES members (id),
    sender      TEXT,
    email       TEXT,
    body        TEXT,
    received_at TEXT NOT NULL,
    answered_at TEXT
);

CREATE TABLE attachments (
    id         INTEGER PRIMARY KEY,
    enquiry_id INTEGER NOT NULL REFERENCES enquiries (id),
    file_name  TEXT,
    content    TEXT
);

CREATE TABLE service_log (
    id           INTEGER PRIMARY KEY,
    member_id    INTEGER REFERENCES members (id),
    logged_at    INTEGER,             -- seconds since 1970
    ip           TEXT,
    action       TEXT,
    device_model TEXT,
    os_version   TEXT,
    operator     TEXT
);

CREATE TABLE cookies (
    id            INTEGER PRIMARY KEY,
    member_id     INTEGER REFERENCES members (id),
    token         TEXT NOT NULL UNIQUE,
    first_seen_at TEXT NOT NULL,      -- Turkish local time, as the two below
    last_seen_at  TEXT,
    rejected_at   TEXT
);

CREATE TABLE subscriptions (
    id           INTEGER PRIMARY KEY,
    member_id    INTEGER REFERENCES members (id),
    channel      TEXT NOT NULL,
    address      TEXT,
    interests    TEXT,
    created_at   TEXT NOT NULL,
    consented_at TEXT,
    withdrawn_at TEXT
);

CREATE TABLE invoices (
    id         INTEGER PRIMARY KEY,
    member_id  INTEGER REFERENCES members (id),
    number     TEXT NOT NULL UNIQUE,
    buyer      TEXT,
    tax_office TEXT,
    amount     INTEGER NOT NULL,
    issued_on  TEXT,                  -- a day
    settled_on TEXT
);

CREATE TABLE fraud_flags (
    id        INTEGER PRIMARY KEY,
    member_id INTEGER NOT NULL REFERENCES members (id),
    reason    TEXT,
    raised_at TEXT
);

CREATE TABLE erasure_requests (
    id          INTEGER PRIMARY KEY,
    member_id   INTEGER REFERENCES members (id),
    ground      INTEGER NOT NULL,     -- 1 to 5, as the policy numbers them
    requester   TEXT,
    received_at TEXT NOT NULL,
    decided_at  TEXT,
    decision    TEXT
);

CREATE INDEX history_of ON profile_history (member_id);
CREATE INDEX enquiries_of ON enquiries (member_id);
CREATE INDEX attachments_of ON attachments (enquiry_id);
CREATE INDEX log_of ON service_log (member_id);
CREATE INDEX cookies_of ON cookies (member_id);
CREATE INDEX subscriptions_of ON subscriptions (member_id);
CREATE INDEX invoices_of ON invoices (member_id);
CREATE INDEX flags_of ON fraud_flags (member_id);
CREATE INDEX requests_of ON erasure_requests (member_id);
