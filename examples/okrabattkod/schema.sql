-- A platform for discount codes, in Sweden. Times are local (Europe/Stockholm).
CREATE TABLE services (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL,
  ended_on TEXT                            -- the day the service was shut down
);
CREATE TABLE accounts (
  id                  INTEGER PRIMARY KEY,
  service_id          INTEGER NOT NULL REFERENCES services (id),
  username            TEXT NOT NULL,
  email               TEXT NOT NULL,
  created_at          TEXT NOT NULL,
  closed_at           TEXT,                -- closing stops the service, and erases nothing yet
  closed_by           TEXT,                -- 'user' or 'company'
  erasure_demanded_at TEXT,                -- "at your request"
  authenticated_at    TEXT,                -- the demand is this person's
  access_blocked      INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE credentials (
  account_id    INTEGER PRIMARY KEY REFERENCES accounts (id),
  password_hash TEXT NOT NULL
);
CREATE TABLE web_logs (
  id          INTEGER PRIMARY KEY,
  ip          TEXT NOT NULL,
  browser     TEXT,
  language    TEXT,
  accessed_at TEXT NOT NULL
);
CREATE TABLE searches (
  id          INTEGER PRIMARY KEY,
  account_id  INTEGER REFERENCES accounts (id),
  keyword     TEXT NOT NULL,
  searched_at TEXT NOT NULL
);
-- Bought or received from brokers, partners, social platforms.
CREATE TABLE imported_contacts (
  id          INTEGER PRIMARY KEY,
  source      TEXT NOT NULL,
  email       TEXT NOT NULL,
  obtained_at TEXT
);
CREATE TABLE transactions (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER REFERENCES accounts (id),
  price      INTEGER NOT NULL,
  method     TEXT NOT NULL,
  done_on    TEXT NOT NULL
);
CREATE TABLE ratings (
  id             INTEGER PRIMARY KEY,
  transaction_id INTEGER NOT NULL REFERENCES transactions (id),
  stars          INTEGER NOT NULL,
  text           TEXT,
  rated_at       TEXT NOT NULL
);
CREATE TABLE sanctions (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER REFERENCES accounts (id),
  reason     TEXT NOT NULL,
  ended_on   TEXT                          -- NULL: still in force
);
CREATE TABLE disputes (
  id         INTEGER PRIMARY KEY,
  about      TEXT,
  filed_on   TEXT NOT NULL,
  settled_on TEXT                          -- NULL: open
);
CREATE TABLE dispute_parties (
  id         INTEGER PRIMARY KEY,
  dispute_id INTEGER NOT NULL REFERENCES disputes (id),
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  role       TEXT NOT NULL                 -- 'complainant' or 'respondent'
);
CREATE TABLE partner_consents (
  id           INTEGER PRIMARY KEY,
  account_id   INTEGER NOT NULL REFERENCES accounts (id),
  partner      TEXT NOT NULL,
  given_at     TEXT NOT NULL,
  withdrawn_at TEXT
);
CREATE TABLE features (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  removed_on TEXT
);
CREATE TABLE feature_data (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  feature_id INTEGER NOT NULL REFERENCES features (id),
  data       TEXT NOT NULL
);
CREATE TABLE cookies (
  id         INTEGER PRIMARY KEY,
  token      TEXT NOT NULL,
  set_at     TEXT NOT NULL,
  refused_at TEXT
);
CREATE INDEX accounts_service_id ON accounts (service_id);
CREATE INDEX searches_account_id ON searches (account_id);
CREATE INDEX transactions_account_id ON transactions (account_id);
CREATE INDEX ratings_transaction_id ON ratings (transaction_id);
CREATE INDEX sanctions_account_id ON sanctions (account_id);
CREATE INDEX dispute_parties_dispute_id ON dispute_parties (dispute_id);
CREATE INDEX dispute_parties_account_id ON dispute_parties (account_id);
CREATE INDEX partner_consents_account_id ON partner_consents (account_id);
CREATE INDEX feature_data_account_id ON feature_data (account_id);
CREATE INDEX feature_data_feature_id ON feature_data (feature_id);
