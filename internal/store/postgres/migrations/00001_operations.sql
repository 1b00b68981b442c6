-- +goose Up
CREATE TABLE log (
    collector BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (collector, seq)
);
-- Compressing what is read once or never would cost the database more than the room.
ALTER TABLE log ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE cuts (
    collector BYTEA PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL
);
CREATE TABLE roles (
    role BYTEA PRIMARY KEY NOT NULL,
    collector BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);
CREATE TABLE tally (
    id BIGINT PRIMARY KEY,
    last_place BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);
INSERT INTO tally (id, last_place, bytes) VALUES (0, 0, 0);
CREATE TABLE records (
    place BIGINT PRIMARY KEY,
    operation BYTEA NOT NULL UNIQUE,
    revision BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    head BYTEA NOT NULL,
    facts BYTEA NOT NULL
);
CREATE TABLE segments (
    segment BIGINT PRIMARY KEY,
    terms BYTEA NOT NULL
);
CREATE TABLE terms (
    term BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    places BYTEA NOT NULL,
    PRIMARY KEY (term, segment)
);
CREATE TABLE blobs (
    name BYTEA PRIMARY KEY NOT NULL,
    data BYTEA NOT NULL
);
CREATE TABLE incidents (
    id BYTEA PRIMARY KEY NOT NULL,
    resolved BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    data BYTEA NOT NULL
);
CREATE INDEX incidents_by_time ON incidents (resolved, updated_at);
CREATE TABLE journal (
    id BYTEA PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    subject BYTEA NOT NULL,
    data BYTEA NOT NULL
);
CREATE INDEX journal_by_time ON journal (at);
CREATE INDEX journal_by_subject ON journal (subject, at);
