-- A small web shop that sells LED lights to Norway. Days are local, times are UTC.
CREATE TABLE customers (
  id                    INTEGER PRIMARY KEY,
  name                  TEXT NOT NULL,
  email                 TEXT NOT NULL,
  phone                 TEXT,
  address               TEXT,
  born_on               TEXT,              -- a day, where it was told
  created_at            TEXT NOT NULL,
  closed_at             TEXT,              -- NULL or '': the account is open
  guardian_consented_on TEXT,              -- a parent's or guardian's consent, for a child
  guardian_withdrawn_on TEXT,
  survey_notified_at    TEXT,              -- when the customer was told of the survey
  survey_ended_on       TEXT,
  claims_only           INTEGER NOT NULL DEFAULT 0   -- 1: no purpose is left but claims
);
-- The profile is put together from the shop, the fair, the dealer, the social platform.
CREATE TABLE profile_sources (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  source      TEXT NOT NULL,
  facts       TEXT,
  obtained_at TEXT NOT NULL
);
CREATE TABLE orders (
  id           INTEGER PRIMARY KEY,
  customer_id  INTEGER NOT NULL REFERENCES customers (id),
  placed_at    TEXT NOT NULL,
  completed_at TEXT,                       -- delivered, returned or cancelled; NULL: still open
  ship_to      TEXT
);
-- The invoice is a document: it carries its own copy of the buyer's name and address.
CREATE TABLE invoices (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER REFERENCES customers (id),
  order_id    INTEGER REFERENCES orders (id),
  buyer       TEXT NOT NULL,
  issued_on   TEXT NOT NULL,
  paid_on     TEXT,                        -- NULL or '': a debt
  amount      INTEGER NOT NULL
);
CREATE TABLE credit_checks (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  score       INTEGER NOT NULL,
  decided_at  TEXT                         -- the order was accepted or not
);
CREATE TABLE claims (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  order_id    INTEGER REFERENCES orders (id),
  opened_on   TEXT NOT NULL,
  settled_on  TEXT,                        -- NULL or '': open
  story       TEXT
);
-- Questions, and requests for a quick offer. Many come from people without an account.
CREATE TABLE enquiries (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER REFERENCES customers (id),
  kind        TEXT NOT NULL,               -- 'question' or 'offer'
  email       TEXT NOT NULL,
  text        TEXT NOT NULL,
  received_at TEXT NOT NULL,
  answered_at TEXT,
  valid_until TEXT                         -- an offer stands until then
);
CREATE TABLE subscribers (
  id                   INTEGER PRIMARY KEY,
  email                TEXT NOT NULL,
  consented_at         TEXT NOT NULL,
  consent_withdrawn_at TEXT
);
-- What a customer told of eyesight or allergies, with consent.
CREATE TABLE sensitive_notes (
  id                   INTEGER PRIMARY KEY,
  customer_id          INTEGER NOT NULL REFERENCES customers (id),
  note                 TEXT NOT NULL,
  consented_at         TEXT NOT NULL,
  consent_withdrawn_at TEXT
);
CREATE INDEX profile_sources_customer_id ON profile_sources (customer_id);
CREATE INDEX orders_customer_id ON orders (customer_id);
CREATE INDEX invoices_customer_id ON invoices (customer_id);
CREATE INDEX invoices_order_id ON invoices (order_id);
CREATE INDEX credit_checks_customer_id ON credit_checks (customer_id);
CREATE INDEX claims_customer_id ON claims (customer_id);
CREATE INDEX claims_order_id ON claims (order_id);
CREATE INDEX enquiries_customer_id ON enquiries (customer_id);
CREATE INDEX sensitive_notes_customer_id ON sensitive_notes (customer_id);
