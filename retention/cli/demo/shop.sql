-- A small Norwegian web shop. All times are UTC, written 'YYYY-MM-DD HH:MM:SS'.

-- The mark by which the demo knows its own file.
CREATE TABLE demo_shop (
    made_at DATETIME NOT NULL
);

CREATE TABLE customers (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    email       TEXT NOT NULL UNIQUE,
    phone       TEXT,
    address     TEXT,
    postal_code TEXT,
    city        TEXT,
    born_on     DATE,
    created_at  DATETIME NOT NULL,
    closed_at   DATETIME                 -- NULL while the account is open
);

CREATE TABLE products (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL,
    price NUMERIC(10, 2) NOT NULL
);

CREATE TABLE orders (
    id            INTEGER PRIMARY KEY,
    customer_id   INTEGER NOT NULL REFERENCES customers (id),
    placed_at     DATETIME NOT NULL,
    completed_at  DATETIME,              -- NULL: on its way, or cancelled
    delivery_note TEXT,
    total         NUMERIC(10, 2) NOT NULL
);
CREATE INDEX orders_customer_id ON orders (customer_id);

CREATE TABLE order_lines (
    id         INTEGER PRIMARY KEY,
    order_id   INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity   INTEGER NOT NULL,
    unit_price NUMERIC(10, 2) NOT NULL,
    greeting   TEXT                      -- the card that goes with a present
);
CREATE INDEX order_lines_order_id ON order_lines (order_id);
CREATE INDEX order_lines_product_id ON order_lines (product_id);

CREATE TABLE invoices (
    id          INTEGER PRIMARY KEY,
    order_id    INTEGER NOT NULL REFERENCES orders (id),
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    number      TEXT NOT NULL UNIQUE,
    issued_on   DATE NOT NULL,
    name        TEXT NOT NULL,
    address     TEXT NOT NULL,
    total       NUMERIC(10, 2) NOT NULL
);
CREATE INDEX invoices_order_id ON invoices (order_id);
CREATE INDEX invoices_customer_id ON invoices (customer_id);

CREATE TABLE tickets (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),
    email       TEXT NOT NULL,
    name        TEXT,
    phone       TEXT,
    ip          TEXT,
    subject     TEXT NOT NULL,
    opened_at   TIMESTAMP NOT NULL,
    closed_at   TIMESTAMP                -- NULL while the ticket is open
);
CREATE INDEX tickets_customer_id ON tickets (customer_id);

CREATE TABLE messages (
    id        INTEGER PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    sent_at   TIMESTAMP NOT NULL,
    author    TEXT NOT NULL CHECK (author IN ('customer', 'shop')),
    body      TEXT NOT NULL
);
CREATE INDEX messages_ticket_id ON messages (ticket_id);

CREATE TABLE reviews (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),
    product_id  INTEGER NOT NULL REFERENCES products (id),
    text        TEXT NOT NULL,
    stars       INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    posted_at   DATETIME NOT NULL
);
CREATE INDEX reviews_customer_id ON reviews (customer_id);
CREATE INDEX reviews_product_id ON reviews (product_id);

CREATE TABLE subscribers (
    id                   INTEGER PRIMARY KEY,
    email                TEXT NOT NULL UNIQUE,
    signed_up_at         DATETIME NOT NULL,
    consented_at         DATETIME,       -- NULL until the link in the first e-mail is followed
    consent_withdrawn_at DATETIME
);

CREATE TABLE access_log (
    id           INTEGER PRIMARY KEY,
    requested_at DATETIME,
    ip           TEXT,
    path         TEXT NOT NULL,
    user_agent   TEXT
);
CREATE INDEX access_log_requested_at ON access_log (requested_at);

CREATE TABLE carts (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),
    created_at  DATETIME NOT NULL,
    updated_at  DATETIME,
    note        TEXT
);
CREATE INDEX carts_customer_id ON carts (customer_id);

CREATE TABLE cart_items (
    id         INTEGER PRIMARY KEY,
    cart_id    INTEGER NOT NULL REFERENCES carts (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity   INTEGER NOT NULL
);
CREATE INDEX cart_items_cart_id ON cart_items (cart_id);
CREATE INDEX cart_items_product_id ON cart_items (product_id);
