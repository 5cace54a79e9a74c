PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
/* As sqlite3's .dump and hands write it; ids are numbers, times are seconds or text. */
CREATE TABLE IF NOT EXISTS [agents] (id INTEGER PRIMARY KEY AUTOINCREMENT, name, steam_zomboid_registry, server_data_path, created_at);
INSERT INTO agents VALUES(1,'host-1','registry.example/zomboid','/srv','2025-01-01 00:00:00');
REPLACE INTO main.agents VALUES(1,'host-1','registry.example:5000/zomboid','/srv','2025-01-01T00:00:00.250Z');
CREATE TABLE `servers` (id INTEGER PRIMARY KEY, agent_id INTEGER, name TEXT, container_id TEXT, config TEXT, image_tag TEXT,
    game_port, udp_port, rcon_port, status); -- no image, no deleted_at
INSERT OR IGNORE INTO "servers" VALUES
    (7,1,'one','0123456789ab','{"N":1,"T":true,"NONE":null}','v1',1,2,3,'running'),
    (8,1,'two',NULL,NULL,'','4','5','6','creating'),
    (9,1,'three','',X'7B7D','v1',7,8,9,'MISSING');
COMMIT;
