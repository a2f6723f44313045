-- Run at each start: each statement leaves alone what is there.
CREATE SCHEMA IF NOT EXISTS luma;

-- A row for each task that is waited for. The checkpoint is changed by each poll: space in the page keeps that cheap.
CREATE TABLE IF NOT EXISTS luma.waits (
    task_id text PRIMARY KEY,
    checkpoint json NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);

-- A row for each task that has ended. The event is the library's last one, `done` or `gave_up`.
CREATE TABLE IF NOT EXISTS luma.outcomes (
    task_id text PRIMARY KEY,
    event json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row: the limit of requests that all workers share.
CREATE TABLE IF NOT EXISTS luma.pace (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    step interval NOT NULL,
    slack interval NOT NULL,
    at timestamptz NOT NULL DEFAULT '-infinity'
);

-- 15 requests per 10 s, until `limit` says otherwise: see `pace.rs`.
INSERT INTO luma.pace (step, slack) VALUES ('785.714 ms', '1 s') ON CONFLICT DO NOTHING;
