-- A web shop in Guangzhou with customers in Norway. Times are UTC.
CREATE TABLE accounts (
  id           INTEGER PRIMARY KEY,
  name         TEXT,
  email        TEXT NOT NULL UNIQUE,
  phone        TEXT,
  address      TEXT,
  created_at   TEXT NOT NULL,
  last_seen_at TEXT                        -- NULL or '': never came back
);
CREATE TABLE orders (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  placed_at  TEXT NOT NULL,
  gift_note  TEXT
);
CREATE TABLE invoices (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  order_id   INTEGER REFERENCES orders (id),
  issued_on  TEXT NOT NULL,
  amount     INTEGER NOT NULL
);
CREATE TABLE consents (
  id           INTEGER PRIMARY KEY,
  account_id   INTEGER NOT NULL REFERENCES accounts (id),
  purpose      TEXT NOT NULL,              -- 'newsletter', 'sms', 'partners'
  given_at     TEXT NOT NULL,
  withdrawn_at TEXT,
  channel      TEXT                        -- 'settings', 'unsubscribe', 'contact'
);
-- What was learned for one purpose on the ground of one consent.
CREATE TABLE marketing_profiles (
  id         INTEGER PRIMARY KEY,
  consent_id INTEGER NOT NULL REFERENCES consents (id),
  interests  TEXT NOT NULL
);
CREATE TABLE requests (
  id          INTEGER PRIMARY KEY,
  account_id  INTEGER REFERENCES accounts (id),
  kind        TEXT NOT NULL,               -- 'access', 'erase', 'complaint', ...
  email       TEXT,
  letter      TEXT,
  received_at TEXT NOT NULL,
  closed_at   TEXT
);
CREATE TABLE id_documents (
  id          INTEGER PRIMARY KEY,
  request_id  INTEGER NOT NULL REFERENCES requests (id),
  copy        TEXT NOT NULL,
  received_at TEXT NOT NULL,
  verified_at TEXT                         -- the copy has served
);
CREATE TABLE cookies (
  id           INTEGER PRIMARY KEY,
  account_id   INTEGER REFERENCES accounts (id),
  token        TEXT,
  last_seen_at INTEGER NOT NULL,           -- seconds since 1970
  opted_out    INTEGER NOT NULL DEFAULT 0
);
-- Orders of courts and authorities: whose data, and until when they bind.
CREATE TABLE court_orders (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  received_on TEXT NOT NULL,
  lifted_on   TEXT
);
CREATE INDEX orders_account_id ON orders (account_id);
CREATE INDEX invoices_account_id ON invoices (account_id);
CREATE INDEX invoices_order_id ON invoices (order_id);
CREATE INDEX consents_account_id ON consents (account_id);
CREATE INDEX marketing_profiles_consent_id ON marketing_profiles (consent_id);
CREATE INDEX requests_account_id ON requests (account_id);
CREATE INDEX id_documents_request_id ON id_documents (request_id);
CREATE INDEX cookies_account_id ON cookies (account_id);
CREATE INDEX court_orders_account_id ON court_orders (account_id);
