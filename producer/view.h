/*
 * view.h - what people and programs see of servers and agents beside their rows: whether the
 * agent is online, the status that can be vouched for, how healing stands, and remarks.
 */
#pragma once

#include "bus.h"
#include "ledger_rows.h"
#include "remark.h"

struct view {
    struct ledger *ledger;
    GHashTable *agents;   /* id → struct agent_row */
    GPtrArray *workers;   /* struct worker_row */
    GHashTable *by_agent; /* agent id → GPtrArray of its workers */
    GHashTable *marked;   /* ids of agents of which something could not be read */
    int64_t now;
    struct adopted *adopted;
    GString *differs; /* of the last server that was asked about */
};

/* Reads agents and workers once, for any number of rows. */
bool view_begin(struct view *view, struct ledger *ledger, int64_t now, GError **error);
void view_end(struct view *view);

const struct agent_row *view_agent(const struct view *view, const char *agent_id);
enum maybe view_online(const struct view *view, const char *agent_id);
/* Whether the log holds something of the agent that this muster cannot read. */
bool view_is_marked(const struct view *view, const char *agent_id);
const char *view_status(const struct view *view, const struct server_row *server);
/* As ledger_servers(); with `unknown` only those whose status nobody can vouch for now. */
GPtrArray *view_servers(const struct view *view, const struct server_filter *filter,
                        bool unknown, bool with_open, GError **error);
/* What remark.h judges by; borrows the row, and lasts until the next is asked for.  The row has to have its open commands for the
 * healing to be judged rightly. */
bool view_remarks(const struct view *view, const struct server_row *server,
                  struct remark_facts *ret_facts, GError **error);

/* The rows as JSON, the same for --json and over HTTP, with what this file adds.  Owned by the
 * caller. */

/* With `agent_online`, `shown_status`, `healing`, `remarks`, `remark_sentences`, `actions`,
 * `needs_fresh` and `open`; `drift` is true of an adopted container that differs, too.  The row has to have its open commands. */
json_t *view_server_json(const struct view *view, const struct server_row *server,
                         GError **error);
/* With `online`, `workers` (how many are there) and `not_read`. */
json_t *view_agent_json(const struct view *view, const struct agent_row *agent);
/* With `there`. */
json_t *view_worker_json(const struct view *view, const struct worker_row *worker);
/* What was queued (struct queued, one or several), with the status of the server by now; and with
 * `differences`, where those were noted. */
json_t *view_queued_json(struct ledger *ledger, const GPtrArray *all, GError **error);
/* An event of the log, with its place there. */
json_t *view_event_json(const struct bus_record *record, const struct event *event);

typedef struct view View;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(View, view_end)
