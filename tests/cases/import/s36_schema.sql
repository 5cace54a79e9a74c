CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, steam_zomboid_registry TEXT, server_data_path TEXT);
INSERT INTO agents VALUES('a1','h1','127.0.0.1:5777/steam-zomboid','/srv/data');
CREATE TABLE servers (
  id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT REFERENCES agents(id) ON DELETE CASCADE,
  name TEXT COLLATE NOCASE NOT NULL CHECK (length(name) BETWEEN 1 AND 64 AND name NOT LIKE '% %'),
  config TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(config) AND json_type(config) = 'object'),
  game_port INTEGER CHECK (game_port IN (1, 11) OR game_port > 1000), udp_port, rcon_port,
  status TEXT DEFAULT (lower('STOPPED')), created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
  players INTEGER GENERATED ALWAYS AS (json_extract(config, '$.MAX_PLAYERS')) VIRTUAL,
  title TEXT AS (upper(name) || printf('-%03d', id)) STORED,
  CONSTRAINT ports CHECK (max(game_port, udp_port, rcon_port) < 65536), UNIQUE (agent_id, name)
);
INSERT INTO servers(id,agent_id,name,config,game_port,udp_port,rcon_port) VALUES(7,'a1','n1',json_object('A','b','MAX_PLAYERS',8,'C',hex('x'),'D',quote(1.5),'E',substr('abc',2)),1,2,3);
INSERT INTO servers(id,agent_id,name,config,game_port,udp_port,rcon_port) VALUES(8,'a1','n2',unistr('{\u000a "A":"b\u005cn",\u000a"B":"\+01f600 \U0001f600 \\n"}'),11,12,13);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('servers',8);
CREATE INDEX by_name ON servers(lower(name));
