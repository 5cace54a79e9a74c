/*
 * api_routes.c - who may ask what, and who answers it: the table of web/openapi.json.
 *
 * A test holds the two together.
 */
#include "api_parts.h"

/* clang-format off */
#define AGENT  "/agents/{agent_id}"
#define SERVER AGENT "/servers/{server_id}"

const struct route api_routes[] = {
    {"GET",    "/healthz",           "health",           ROLE_NONE,     api_health},
    {"GET",    "/openapi.json",      "openapi",          ROLE_NONE,     api_file},
    {"GET",    "/metrics",           "metrics",          ROLE_VIEWER,   api_metrics},
    {"GET",    "/me",                "me",               ROLE_VIEWER,   api_me},
    {"GET",    "/profiles",          "listProfiles",     ROLE_VIEWER,   api_profiles},
    {"GET",    "/agents",            "listAgents",       ROLE_VIEWER,   api_agents},
    {"GET",    AGENT,                "getAgent",         ROLE_VIEWER,   api_agent},
    {"GET",    AGENT "/workers",     "listWorkers",      ROLE_VIEWER,   api_workers},
    {"GET",    AGENT "/found",       "listAgentFound",   ROLE_VIEWER,   api_agent_found},
    {"GET",    AGENT "/servers",     "listAgentServers", ROLE_VIEWER,   api_agent_servers},
    {"POST",   AGENT "/servers/sync", "syncAgent",       ROLE_OPERATOR, api_sync}, /* before those of a server */
    {"GET",    SERVER,               "getServer",        ROLE_VIEWER,   api_server},
    {"GET",    SERVER "/history",    "serverHistory",    ROLE_VIEWER,   api_history},
    {"GET",    "/servers",           "listServers",      ROLE_VIEWER,   api_servers},
    {"GET",    "/found",             "listFound",        ROLE_VIEWER,   api_found},
    {"GET",    "/commands",          "listCommands",     ROLE_VIEWER,   api_commands},
    {"GET",    "/commands/{command_id}", "getCommand",   ROLE_VIEWER,   api_command},
    {"GET",    "/timeline",          "timeline",         ROLE_VIEWER,   api_timeline},
    {"GET",    "/events",            "events",           ROLE_VIEWER,   api_events},

    {"POST",   "/agents",            "addAgent",         ROLE_ADMIN,    api_add_agent},
    {"PATCH",  AGENT,                "changeAgent",      ROLE_ADMIN,    api_change_agent},
    {"POST",   AGENT "/release",     "releaseAgent",     ROLE_ADMIN,    api_release},
    {"POST",   AGENT "/rebind",      "rebindAgent",      ROLE_ADMIN,    api_rebind},
    {"POST",   AGENT "/adopt",       "adopt",            ROLE_OPERATOR, api_adopt},
    {"POST",   AGENT "/servers",     "createServer",     ROLE_OPERATOR, api_create},
    {"PATCH",  SERVER,               "changeServer",     ROLE_OPERATOR, api_change},
    {"DELETE", SERVER,               "deleteServer",     ROLE_ADMIN,    api_delete},
    {"DELETE", SERVER "/purge",      "purgeServer",      ROLE_ADMIN,    api_purge},
    {"POST",   SERVER "/start",      "startServer",      ROLE_OPERATOR, api_start_server},
    {"POST",   SERVER "/stop",       "stopServer",       ROLE_OPERATOR, api_stop_server},
    {"POST",   SERVER "/restart",    "restartServer",    ROLE_OPERATOR, api_restart},
    {"POST",   SERVER "/rebuild",    "rebuildServer",    ROLE_OPERATOR, api_rebuild},
    {"POST",   SERVER "/recreate",   "recreateServer",   ROLE_OPERATOR, api_recreate},
    {"POST",   SERVER "/restore",    "restoreServer",    ROLE_ADMIN,    api_restore},
    {"POST",   SERVER "/cancel",     "cancelServer",     ROLE_OPERATOR, api_cancel},
};
/* clang-format on */
const size_t api_n_routes = G_N_ELEMENTS(api_routes);
