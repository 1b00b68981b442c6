-- +goose Up
CREATE TABLE due (
    operation BYTEA PRIMARY KEY NOT NULL,
    due_at BIGINT NOT NULL,
    owner BYTEA,
    lease_until BIGINT
);
CREATE INDEX due_by_time ON due (due_at) WHERE owner IS NULL;
CREATE INDEX due_by_lease ON due (lease_until) WHERE owner IS NOT NULL;
