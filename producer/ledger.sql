-- ledger.sql - the ledger's tables, as migrations.  Each "-- version N" begins one; a
-- database is brought from its user_version to the last one in a transaction each.
-- Times are milliseconds since 1970 UTC.  Column names of agents and servers are those of
-- the D1 database where that has them.

-- version 1

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE profiles ( -- those that people brought; muster's own are compiled in
    name TEXT PRIMARY KEY,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    steam_zomboid_registry TEXT NOT NULL,
    server_data_path TEXT NOT NULL,
    engine_id TEXT, -- pinned when first seen
    partitions INTEGER NOT NULL, -- of its commands topic
    held TEXT, -- why no command for it is taken
    mass_absence_at INTEGER,
    last_event_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX agents_name ON agents (name);

CREATE TABLE servers (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agents (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL, -- what people see
    container_id TEXT,
    config TEXT NOT NULL, -- JSON; the values are secret and nowhere else
    config_names TEXT NOT NULL, -- JSON; which values the log says there are
    image_tag TEXT NOT NULL,
    image TEXT, -- NULL: the agent's registry
    game_port INTEGER NOT NULL,
    udp_port INTEGER NOT NULL,
    rcon_port INTEGER NOT NULL,
    server_data_path TEXT, -- NULL: the agent's
    data_exists INTEGER, -- NULL: nobody looked
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, -- of the record
    deleted_at INTEGER,
    profile TEXT NOT NULL,
    container TEXT NOT NULL,
    data_dir TEXT NOT NULL,
    spec_digest TEXT NOT NULL,
    settled_status TEXT NOT NULL, -- without open commands and absence
    status_at INTEGER,
    missing_since INTEGER,
    drift INTEGER NOT NULL,
    container_status TEXT NOT NULL,
    container_image TEXT NOT NULL,
    container_spec TEXT NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    exit_code INTEGER,
    oom_killed INTEGER NOT NULL,
    restart_count INTEGER NOT NULL,
    health TEXT NOT NULL,
    last_command_id TEXT,
    last_action TEXT NOT NULL,
    last_outcome TEXT NOT NULL,
    last_code TEXT NOT NULL,
    last_message TEXT NOT NULL,
    last_at INTEGER,
    partition INTEGER NOT NULL, -- from here on: bookkeeping for presence
    container_seen INTEGER NOT NULL,
    shown INTEGER NOT NULL,
    command_offset INTEGER
) STRICT;
CREATE INDEX servers_name ON servers (agent_id, name);
CREATE INDEX servers_partition ON servers (agent_id, partition);
CREATE INDEX servers_status ON servers (status);
CREATE INDEX servers_missing ON servers (agent_id, missing_since)
    WHERE missing_since IS NOT NULL;

CREATE TABLE commands (
    command_id TEXT PRIMARY KEY,
    server_id TEXT, -- NULL: a sync
    agent_id TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    target TEXT, -- a cancel's
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    recorded_at INTEGER, -- append time of its Record; NULL: not in the log yet
    accepted_at INTEGER,
    finished_at INTEGER, -- append time of its terminal result; NULL: open
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    recovered INTEGER NOT NULL,
    already INTEGER NOT NULL,
    rolled_back INTEGER NOT NULL,
    result TEXT -- JSON
) STRICT;
CREATE INDEX commands_open ON commands (server_id) WHERE finished_at IS NULL;

CREATE TABLE outbox ( -- asked, and not yet seen in the log
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    agent_id TEXT NOT NULL,
    command_id TEXT,
    topic TEXT, -- of the command; NULL: an event alone
    partition INTEGER,
    key TEXT,
    command BLOB,
    event BLOB NOT NULL,
    event_key TEXT,
    sent_at INTEGER
) STRICT;
CREATE INDEX outbox_unsent ON outbox (agent_id, seq) WHERE sent_at IS NULL;
CREATE INDEX outbox_command ON outbox (command_id);

CREATE TABLE positions ( -- next offset to take, of each partition of muster.events
    partition INTEGER PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT;

CREATE TABLE sync_chunks ( -- of syncs that have not come whole yet
    agent_id TEXT NOT NULL,
    sync_id TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (agent_id, sync_id, chunk)
) STRICT, WITHOUT ROWID;

CREATE TABLE syncs ( -- the last one of each partition that counted
    agent_id TEXT NOT NULL,
    partition INTEGER NOT NULL,
    sync_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    listed_at INTEGER NOT NULL,
    at INTEGER NOT NULL, -- append time
    servers INTEGER NOT NULL, -- how many it lists
    found TEXT NOT NULL, -- JSON: what is extra, unmanaged, or an orphan
    PRIMARY KEY (agent_id, partition)
) STRICT, WITHOUT ROWID;

-- version 2

ALTER TABLE agents ADD COLUMN on_missing TEXT NOT NULL DEFAULT 'show';
ALTER TABLE servers ADD COLUMN on_missing TEXT; -- NULL: the agent's
ALTER TABLE servers ADD COLUMN data_at INTEGER; -- bookkeeping: when its data was last touched

CREATE TABLE workers ( -- by their last heartbeats
    id TEXT PRIMARY KEY, -- agent/worker
    agent_id TEXT NOT NULL,
    worker TEXT NOT NULL,
    engine_id TEXT NOT NULL,
    heard_at INTEGER NOT NULL, -- append time
    interval_ms INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    partitions TEXT NOT NULL,
    queued INTEGER NOT NULL,
    draining INTEGER NOT NULL
) STRICT;
CREATE INDEX workers_agent ON workers (agent_id);

CREATE INDEX commands_overdue ON commands (expires_at) WHERE finished_at IS NULL;
CREATE INDEX commands_server ON commands (server_id, issued_at);

-- version 3

DROP INDEX servers_name; -- lists go by pages, in the order of these two
DROP INDEX servers_status;
CREATE INDEX servers_page ON servers (agent_id, name, id);
CREATE INDEX servers_status_page ON servers (status, agent_id, name, id);

-- version 4

CREATE TABLE tokens ( -- who may use HTTP; what a token is, its owner alone knows
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE, -- SHA-256 of the token, hex
    created_at INTEGER NOT NULL,
    expires_at INTEGER, -- NULL: never
    revoked_at INTEGER
) STRICT;

CREATE TABLE answers ( -- what was asked under an Idempotency-Key, and what came of it
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL, -- of the request
    queued TEXT NOT NULL, -- JSON
    at INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_at ON answers (at);

CREATE TABLE moves ( -- which status each server had when, for a while
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    server_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    status TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX moves_at ON moves (at);
CREATE INDEX moves_server ON moves (server_id, seq);

CREATE TRIGGER servers_made AFTER INSERT ON servers BEGIN
    INSERT INTO moves (server_id, agent_id, status, at) VALUES
        (NEW.id, NEW.agent_id, NEW.status, coalesce(NEW.status_at, NEW.created_at));
END;
CREATE TRIGGER servers_moved AFTER UPDATE OF status ON servers
WHEN OLD.status <> NEW.status BEGIN
    INSERT INTO moves (server_id, agent_id, status, at) VALUES
        (NEW.id, NEW.agent_id, NEW.status, coalesce(NEW.status_at, NEW.updated_at));
END;
CREATE INDEX commands_issued ON commands (issued_at, command_id);

-- version 5

ALTER TABLE agents ADD COLUMN sends INTEGER NOT NULL DEFAULT 1; -- 0: held, and what was taken is not sent

-- version 6

ALTER TABLE servers ADD COLUMN data_gone INTEGER NOT NULL DEFAULT 0; -- there was some
ALTER TABLE servers ADD COLUMN data_seen INTEGER NOT NULL DEFAULT 0; -- 1: its place, 2: files
ALTER TABLE servers ADD COLUMN container_mounts TEXT NOT NULL DEFAULT '[]'; -- JSON; the last one's
UPDATE servers SET data_seen = 1 WHERE data_exists IS NOT NULL;
UPDATE servers SET data_gone = 1 WHERE data_exists = 0 AND settled_status <> 'purged';
ALTER TABLE servers ADD COLUMN container_remarks TEXT NOT NULL DEFAULT ''; -- words, as last shown
-- Of which remark.c may have something to say, whatever their agent does: a few of many.
ALTER TABLE servers ADD COLUMN remarkable INTEGER GENERATED ALWAYS AS (
    status <> 'purged' AND (
        status = 'missing' OR container_remarks <> '' OR oom_killed OR health = 'unhealthy'
        OR container_status IN ('exited', 'dead')
        OR (container_seen AND container_status = 'unknown')
        OR data_gone OR drift
        OR (container_spec = '' AND (container_id IS NOT NULL OR container_mounts <> '[]'))
        OR last_outcome NOT IN ('', 'done'))) VIRTUAL;
CREATE INDEX servers_remarkable ON servers (agent_id, name, id) WHERE remarkable;

ALTER TABLE servers ADD COLUMN meant_to_run INTEGER NOT NULL DEFAULT 1; -- by what has taken effect
UPDATE servers SET meant_to_run = last_action NOT IN ('stop', 'restore', 'delete', 'purge');

-- version 7

CREATE INDEX servers_data ON servers (agent_id, data_dir) WHERE settled_status <> 'purged';

-- version 8

CREATE TABLE aside ( -- records of muster.events that count nowhere: one row, whatever their number
    partition INTEGER NOT NULL,
    reason TEXT NOT NULL,
    agent_id TEXT NOT NULL, -- whose key they bear; '': nobody's
    marks INTEGER NOT NULL, -- that agent is not fully known by them
    records INTEGER NOT NULL,
    first_offset INTEGER, -- NULL: of a log that this one is a copy of
    last_offset INTEGER,
    first_at INTEGER NOT NULL, -- append times
    last_at INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (partition, reason, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX aside_marks ON aside (agent_id) WHERE marks;

-- version 9

CREATE TABLE landmarks ( -- the last record taken of each partition of muster.events
    partition INTEGER PRIMARY KEY,
    at_offset INTEGER NOT NULL,
    append_ms INTEGER NOT NULL,
    digest TEXT NOT NULL -- of its key and value
) STRICT;

-- version 10

ALTER TABLE workers ADD COLUMN reads TEXT NOT NULL DEFAULT ''; -- fingerprints of command schemas

-- version 11

ALTER TABLE servers ADD COLUMN recorded INTEGER NOT NULL DEFAULT 1; -- a Record of it is in the log

-- version 12

ALTER TABLE workers ADD COLUMN clock_skew_ms INTEGER; -- its clock ahead of the log's
