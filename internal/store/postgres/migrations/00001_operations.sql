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
CREATE TABLE records (
    record BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operation BYTEA NOT NULL UNIQUE,
    namespace BYTEA NOT NULL,
    id BYTEA NOT NULL,
    aliases BYTEA NOT NULL,
    name BYTEA NOT NULL,
    state BYTEA NOT NULL,
    reason BYTEA NOT NULL,
    flags BIGINT NOT NULL,
    services BYTEA NOT NULL,
    destinations BYTEA NOT NULL,
    texts BYTEA NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    final_revision BIGINT NOT NULL,
    terms BYTEA NOT NULL,
    bytes BIGINT NOT NULL,
    facts BYTEA NOT NULL
);
CREATE INDEX records_by_time ON records (updated_at, record, bytes);
CREATE TABLE terms (
    term BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    record BIGINT NOT NULL,
    PRIMARY KEY (term, updated_at, record)
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
