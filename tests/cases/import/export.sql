PRAGMA defer_foreign_keys=TRUE;
CREATE TABLE d1_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL);
INSERT INTO "d1_migrations" VALUES(1,'0001_init; really.sql','2025-01-01 00:00:00');
CREATE TABLE agents (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, token TEXT, status TEXT DEFAULT 'offline',
  steam_zomboid_registry TEXT, server_data_path TEXT, created_at INTEGER DEFAULT (unixepoch()), updated_at INTEGER
);
INSERT INTO "agents" ("id","name","token","status","steam_zomboid_registry","server_data_path","created_at","updated_at") VALUES('agent-1','Maestro Host 1','secret-token','online','registry.example:5000/steam-zomboid','/srv/servers/',1700000000,1700000100);
CREATE TABLE servers (
  id TEXT PRIMARY KEY, agent_id TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, name TEXT NOT NULL, container_id TEXT,
  config TEXT NOT NULL, image_tag TEXT NOT NULL, image TEXT, game_port INTEGER NOT NULL, udp_port INTEGER NOT NULL, rcon_port INTEGER NOT NULL,
  server_data_path TEXT, status TEXT NOT NULL CHECK (status IN ('creating','running','stopped','failed','deleting','deleted','missing')),
  data_exists INTEGER DEFAULT 0, created_at INTEGER, updated_at INTEGER, deleted_at INTEGER, adopted INTEGER, notes TEXT
);
INSERT INTO "servers" VALUES('s1','agent-1','alpha','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"SERVER_NAME":"it''s; alpha","ADMIN_PASSWORD":"geheim","MOTD":"a\nb"}','latest',NULL,16261,16262,27015,NULL,'running',1,1700000000,1700000000,NULL,0,NULL);
INSERT INTO "servers" VALUES('s2','agent-1','beta',NULL,replace('{"A":"x"\n}','\n',char(10)),'old.example:5000/zomboid:v40',NULL,16271,16272,27025,'/mnt/fast','stopped',1,1700000000,1700000000,NULL,0,NULL);
INSERT INTO "servers" ("id","agent_id","name","config","image_tag","game_port","udp_port","rcon_port","status","deleted_at","created_at","updated_at") VALUES('s3','agent-1','gamma','{}','latest',16281,16282,27035,'deleted','2025-03-01 12:00:00',1700000000,1700000000);
INSERT INTO "servers" ("id","agent_id","name","config","image_tag","game_port","udp_port","rcon_port","status","deleted_at","created_at","updated_at") VALUES('s4','agent-1','alpha','{}','latest',16261,16262,27015,'deleted',1700000001000,1700000000,1700000000);
CREATE INDEX idx_servers ON servers(agent_id);
CREATE TRIGGER t AFTER INSERT ON servers BEGIN INSERT INTO servers(id) VALUES('x'); SELECT 1; END;
DELETE FROM sqlite_sequence;
INSERT INTO "sqlite_sequence" VALUES('d1_migrations',1);
