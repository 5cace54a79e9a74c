CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, steam_zomboid_registry TEXT, server_data_path TEXT);
INSERT INTO agents VALUES('a1','h1','127.0.0.1:5777/steam-zomboid','/srv/data');
CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT, name TEXT, config TEXT, game_port, udp_port, rcon_port, status TEXT);
INSERT INTO "servers" VALUES('s1','a1','n1','{"A": geheim}',1,2,3,'stopped');
