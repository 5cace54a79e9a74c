CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, steam_zomboid_registry TEXT, server_data_path TEXT);
INSERT INTO agents VALUES('a1','h1','127.0.0.1:5777/steam-zomboid','/srv/data');
CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT, name TEXT, config TEXT, game_port, udp_port, rcon_port, status TEXT);
INSERT INTO "servers" VALUES('s1','a1','n1',replace('{\n  "WELCOME": "Hi\nthere", "PATH": "C:\\new"\n}','\n',char(10)),1,2,3,'stopped');
INSERT INTO "servers" VALUES('s2','a1','n2','{\n  "WELCOME": "Hi\nthere", "PATH": "C:\\new"\n}',11,12,13,'stopped');
INSERT INTO "servers" VALUES('s3','a1','n3','{
  "WELCOME": "Hi\nthere", "PATH": "C:\\new"
}',21,22,23,'stopped');
INSERT INTO "servers" VALUES('s4','a1','n4',replace(replace('{\r\n  "WELCOME": "Hi\nthere", "PATH": "C:\\new"\r\n}','\r',char(13)),'\n',char(10)),31,32,33,'stopped');
