CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, steam_zomboid_registry TEXT, server_data_path TEXT);
INSERT INTO agents VALUES('a1','host-1','registry.example/zomboid','/srv');
CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT, name TEXT, config TEXT, image_tag TEXT, game_port INTEGER, udp_port INTEGER, rcon_port INTEGER, status TEXT, container_id TEXT);
ATTACH '/tmp/muster-import-was-here' AS other; CREATE TABLE other.servers(id); PRAGMA writable_schema=ON;
DELETE FROM agents; DROP TABLE agents; VACUUM INTO '/tmp/muster-import-was-here';
