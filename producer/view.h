/*
 * view.h - what people and programs see of servers and agents beside their rows: whether the
 * agent is online, the status that can be vouched for, and how healing stands.
 */
#pragma once

#include "ledger_rows.h"

struct view {
    struct ledger *ledger;
    GHashTable *agents;   /* id → struct agent_row */
    GPtrArray *workers;   /* struct worker_row */
    GHashTable *by_agent; /* agent id → GPtrArray of its workers */
    int64_t now;
};

/* Reads agents and workers once, for any number of rows. */
bool view_begin(struct view *view, struct ledger *ledger, int64_t now, GError **error);
void view_end(struct view *view);

const struct agent_row *view_agent(const struct view *view, const char *agent_id);
enum maybe view_online(const struct view *view, const char *agent_id);
const char *view_status(const struct view *view, const struct server_row *server);
/* A sentence, or ""; NULL and an error. */
const char *view_healing(const struct view *view, const struct server_row *server,
                         GError **error);

/* The rows as JSON, with what this file adds: `agent_online`, `shown_status` and `healing`,
 * or `online` and `workers` (how many are there).  Owned by the caller. */
json_t *view_server_json(const struct view *view, const struct server_row *server,
                         GError **error);
json_t *view_agent_json(const struct view *view, const struct agent_row *agent);

typedef struct view View;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(View, view_end)
