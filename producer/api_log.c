/*
 * api_log.c - what was asked and what happened: commands, spans, and a server's events.
 */
#include "api_parts.h"

#include "ask.h"
#include "clock.h"
#include "history.h"
#include "ledger_commands.h"
#include "ledger_moves.h"
#include "ledger_rows.h"

#define DAY_MS      (INT64_C(24) * 3600 * 1000)
#define WAIT_MAX    60 /* seconds */
#define PAGE        200
#define READERS_MAX 2 /* of the log at a time */

#define LIMIT(in)                                                         \
 {                                                                        \
  "limit", ASK_NUMBER, offsetof(in, limit), .minimum = 1, .maximum = 1000 \
 }
#define TIME(name, in)                                                             \
 {                                                                                 \
#  name, ASK_NUMBER, offsetof(in, name), .minimum = 0, .maximum = INT64_C(1) << 53 \
 }

struct asked {
    char *agent;
    char *server;
    char *before;
    int64_t since;
    int64_t until;
    int64_t limit;
    int64_t wait;
    bool open;
};

static void asked_clear(struct asked *asked)
{
    g_free(asked->agent);
    g_free(asked->server);
    g_free(asked->before);
}
typedef struct asked Asked;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asked, asked_clear)

#define TABLE(fields)          \
 {                             \
  fields, G_N_ELEMENTS(fields) \
 }

/* --- Commands --------------------------------------------------------------------------------- */

static bool answer_commands(struct visit *visit, const GPtrArray *commands, int64_t limit)
{
    json_t *list = json_array();
    for (guint i = 0; i < MIN(commands->len, limit); i++)
        json_array_append_new(list, row_to_json(&table_commands, commands->pdata[i]));
    if (commands->len > limit) {
        const struct command_row *last = commands->pdata[limit - 1];
        answer_next(visit, "before", last->command_id);
    }
    return answer_json(visit, 200, list);
}

bool api_commands(struct visit *visit, GError **error)
{
    static const struct ask_field fields[] = {
        {"agent", ASK_TEXT, offsetof(struct asked, agent)},
        {"server", ASK_TEXT, offsetof(struct asked, server)},
        {"before", ASK_TEXT, offsetof(struct asked, before)},
        {"open", ASK_BOOL, offsetof(struct asked, open)},
        TIME(since, struct asked),
        LIMIT(struct asked),
    };
    const struct ask_table table = TABLE(fields);
    g_auto(Asked) asked = {.limit = PAGE};
    g_autoptr(AgentRow) agent = NULL;
    g_autoptr(CommandRow) before = NULL;
    if (!ask_query(&table, visit->query, &asked, error) ||
        !visit_asked_agent(visit, asked.agent, &agent, error) ||
        (asked.before &&
         !ledger_load_command(visit->desk->ledger, asked.before, &before, error)))
        return false;
    if (asked.before && !before)
        return answer_problem(visit, 404, "not_found", "before",
                              "before: no such command; it is taken from Link rel=next");
    const struct command_filter filter = {
        .agent_id = agent ? agent->id : NULL,
        .server_id = asked.server,
        .since = asked.since,
        .open = asked.open,
        .before = before,
        .limit = asked.limit + 1,
    };
    g_autoptr(GPtrArray) commands = ledger_commands(visit->desk->ledger, &filter, error);
    return commands && answer_commands(visit, commands, asked.limit);
}

/* Waits for the command to end, or answers that too many wait; false: look again. */
static bool wait_for(struct visit *visit, int64_t count, const char *command_id)
{
    if (!visit->stay && !(visit->stay = stay_begin(visit)))
        return true;
    visit_leave_work(visit);
    *visit->waits = true;
    if (hub_wait(visit->api->hub, count, command_id, visit->deadline_us, visit_resume,
                 visit))
        return true;
    *visit->waits = false;
    return false;
}

bool api_command(struct visit *visit, GError **error)
{
    static const struct ask_field fields[] = {{"wait", ASK_NUMBER,
                                               offsetof(struct asked, wait), .minimum = 0,
                                               .maximum = WAIT_MAX}};
    const struct ask_table table = TABLE(fields);
    g_auto(Asked) asked = {0};
    if (!ask_query(&table, visit->query, &asked, error))
        return false;
    if (visit->deadline_us == 0)
        visit->deadline_us = g_get_monotonic_time() + asked.wait * G_USEC_PER_SEC;
    for (;;) {
        g_autoptr(CommandRow) command = NULL;
        int64_t count = hub_count(visit->api->hub);
        if (!ledger_load_command(visit->desk->ledger, visit->values[0], &command, error))
            return false;
        if (!command)
            return answer_not_found(visit, "command", visit->values[0]);
        if (command->finished_at != CONTRACT_NONE ||
            g_get_monotonic_time() >= visit->deadline_us ||
            g_atomic_int_get(&visit->api->stopping))
            return answer_json(visit, 200, row_to_json(&table_commands, command));
        if (wait_for(visit, count, command->command_id))
            return true;
    }
}

/* --- Spans ---------------------------------------------------------------------------------------- */

bool api_timeline(struct visit *visit, GError **error)
{
    static const struct ask_field fields[] = {
        {"agent", ASK_TEXT, offsetof(struct asked, agent)},
        TIME(since, struct asked),
        TIME(until, struct asked),
    };
    const struct ask_table table = TABLE(fields);
    int64_t now = clock_now(visit->desk->ledger);
    g_auto(Asked) asked = {.since = now - DAY_MS, .until = now};
    g_autoptr(AgentRow) agent = NULL;
    if (!ask_query(&table, visit->query, &asked, error) ||
        !visit_asked_agent(visit, asked.agent, &agent, error))
        return false;
    json_t *list = ledger_spans(visit->desk->ledger, agent ? agent->id : NULL,
                                asked.since, asked.until, error);
    return list && answer_json(visit, 200, list);
}

/* --- A server's events ----------------------------------------------------------------------------- */

static bool read_history(struct visit *visit, const struct server_row *server,
                         const struct asked *asked, int64_t before, GError **error)
{
    const struct history_options options = {server->agent_id, server->id, before,
                                            asked->limit};
    int64_t next = CONTRACT_NONE;
    json_t *list = history_read(visit->api->bus, visit->desk->codec,
                                hub_partitions(visit->api->hub), &options, &next, error);
    if (!list)
        return false;
    if (next != CONTRACT_NONE) {
        g_autofree char *place = g_strdup_printf("%" G_GINT64_FORMAT, next);
        answer_next(visit, "before", place);
    }
    return answer_json(visit, 200, list);
}

bool api_history(struct visit *visit, GError **error)
{
    static const struct ask_field fields[] = {
        {"before", ASK_TEXT, offsetof(struct asked, before)},
        LIMIT(struct asked),
    };
    const struct ask_table table = TABLE(fields);
    g_auto(Asked) asked = {.limit = PAGE};
    gint64 before = CONTRACT_NONE;
    g_autoptr(ServerRow) server = visit_server(visit, NULL, error);
    if (!server || !ask_query(&table, visit->query, &asked, error))
        return false;
    if (asked.before &&
        !g_ascii_string_to_signed(asked.before, 10, 0, G_MAXINT64, &before, NULL))
        return answer_problem(visit, 400, "invalid", "before",
                              "before: it is taken from Link rel=next");
    if (g_atomic_int_add(&visit->api->readers, 1) >= READERS_MAX) {
        g_atomic_int_add(&visit->api->readers, -1);
        http_reply_header(&visit->reply, "Retry-After", "1");
        return answer_problem(visit, 503, "not_available", NULL,
                              "others read the log just now; come again");
    }
    bool good = read_history(visit, server, &asked, before, error);
    g_atomic_int_add(&visit->api->readers, -1);
    return good;
}
