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
CREATE TABLE tally (
    id INTEGER PRIMARY KEY,
    last_place INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
INSERT INTO tally (id, last_place, bytes) VALUES (0, 0, 0);
CREATE TABLE records (
    place INTEGER PRIMARY KEY,
    operation BLOB NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    head BLOB NOT NULL,
    facts BLOB NOT NULL
);
CREATE TABLE segments (
    segment INTEGER PRIMARY KEY,
    terms BLOB NOT NULL
);
CREATE TABLE terms (
    term INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    places BLOB NOT NULL,
    PRIMARY KEY (term, segment)
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
