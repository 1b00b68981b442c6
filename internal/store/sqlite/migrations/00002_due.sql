-- +goose Up
CREATE TABLE due (
    operation BLOB PRIMARY KEY NOT NULL,
    due_at INTEGER NOT NULL,
    owner BLOB,
    lease_until INTEGER
);
CREATE INDEX due_by_time ON due (due_at) WHERE owner IS NULL;
CREATE INDEX due_by_lease ON due (lease_until) WHERE owner IS NOT NULL;
