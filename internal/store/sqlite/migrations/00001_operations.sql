-- +goose Up
CREATE TABLE log (
    row INTEGER PRIMARY KEY,
    collector BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (collector, seq)
);
CREATE TABLE cuts (
    collector BLOB PRIMARY KEY NOT NULL,
    seq INTEGER NOT NULL
);
CREATE TABLE roles (
    role BLOB PRIMARY KEY NOT NULL,
    collector BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
);
CREATE TABLE records (
    record INTEGER PRIMARY KEY AUTOINCREMENT,
    operation BLOB NOT NULL UNIQUE,
    namespace BLOB NOT NULL,
    id BLOB NOT NULL,
    aliases BLOB NOT NULL,
    name BLOB NOT NULL,
    state BLOB NOT NULL,
    reason BLOB NOT NULL,
    flags INTEGER NOT NULL,
    services BLOB NOT NULL,
    destinations BLOB NOT NULL,
    texts BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    final_revision INTEGER NOT NULL,
    terms BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    facts BLOB NOT NULL
);
CREATE INDEX records_by_time ON records (updated_at, record, bytes);
CREATE TABLE terms (
    term INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (term, updated_at, record)
) WITHOUT ROWID;
CREATE TABLE blobs (
    name BLOB PRIMARY KEY NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE incidents (
    id BLOB PRIMARY KEY NOT NULL,
    resolved INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX incidents_by_time ON incidents (resolved, updated_at);
CREATE TABLE journal (
    id BLOB PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    subject BLOB NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX journal_by_time ON journal (at);
CREATE INDEX journal_by_subject ON journal (subject, at);
