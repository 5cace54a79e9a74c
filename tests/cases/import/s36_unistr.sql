CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, steam_zomboid_registry TEXT, server_data_path TEXT);
INSERT INTO agents VALUES('a1','h1','127.0.0.1:5777/steam-zomboid','/srv/data');
CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT, name TEXT, config TEXT);
INSERT INTO servers(id) VALUES(unistr('\uzzzz'));
