CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, steam_zomboid_registry TEXT, server_data_path TEXT);
INSERT INTO agents VALUES('a1','h1','127.0.0.1:5777/steam-zomboid','/srv/data');
CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT, name TEXT, config TEXT, image TEXT, image_tag TEXT, game_port, udp_port, rcon_port, status TEXT);
INSERT INTO servers VALUES('s1','a1','flt','{"XP":0.1,"ZOMBIES":0.35,"BIG":9223372036854775808}',NULL,'latest@sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74',30001,30002,30002,'stopped');
INSERT INTO servers VALUES('s2','a1','dig','{}','reg:5000/x@sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74',NULL,30011,30012,30013,'stopped');
