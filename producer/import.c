/*
 * import.c - takes the agents and servers of a D1 database over into the ledger.
 */
#include "import.h"

#include "check.h"
#include <string.h>

G_DEFINE_QUARK(muster_import_error, import_error)

/* --- Taking ---------------------------------------------------------------------------------- */

/* An import at work. */
struct taking {
    struct ledger *ledger;
    struct codec *codec;
    const struct import_options *options;
    const struct request *request;
    struct import_report *report;
    GPtrArray *wrong; /* char *, rows that are not right: a sentence for each */
};

/* What became of a row. */
enum taken {
    TAKEN,
    TAKEN_THERE,   /* the ledger has it */
    TAKEN_SKIPPED, /* the error says why, and all is well */
    TAKEN_WRONG,   /* the error says why */
    TAKEN_FAILED,  /* the ledger failed */
};

static void skip(struct taking *taking, const char *reason)
{
    struct import_report *report = taking->report;
    report->skipped++;
    if (report->reasons->len < IMPORT_TOLD)
        g_ptr_array_add(report->reasons, g_strdup(reason));
}

static enum taken refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static enum taken refuse(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, IMPORT_ERROR, IMPORT_ERROR_REFUSED, text);
    return TAKEN_WRONG;
}

/* Whether an error is about the row, or about the ledger. */
static enum taken wrong_or_failed(const GError *error)
{
    return error->domain == LEDGER_ERROR ? TAKEN_FAILED : TAKEN_WRONG;
}

static enum taken store_agent(struct taking *taking, const struct agent_row *agent,
                              GError **error)
{
    struct import_report *report = taking->report;
    g_clear_pointer(&report->last_event_id, g_free);
    if (!ledger_store_agent(taking->ledger, agent, error) ||
        !request_agent_record(taking->ledger, taking->codec, NULL, agent, taking->request,
                              &report->last_event_id, error))
        return TAKEN_FAILED;
    report->agents++;
    return TAKEN;
}

static enum taken take_one_agent(struct taking *taking, struct agent_row *agent,
                                 GError **error)
{
    const struct import_options *options = taking->options;
    g_autoptr(AgentRow) by_id = NULL;
    g_autoptr(AgentRow) by_name = NULL;
    if (!*agent->steam_zomboid_registry && options->registry)
        row_set(&agent->steam_zomboid_registry, options->registry);
    if (!*agent->server_data_path && options->data_path)
        row_set(&agent->server_data_path, options->data_path);
    agent->partitions = options->partitions;
    if (!check_name("id", agent->id, error) || !check_name("name", agent->name, error) ||
        (*agent->server_data_path &&
         !check_path("server_data_path", agent->server_data_path, error)) ||
        (*agent->steam_zomboid_registry &&
         !check_repository("steam_zomboid_registry", agent->steam_zomboid_registry,
                           error)))
        return TAKEN_WRONG;
    if (!ledger_load_agent(taking->ledger, agent->id, &by_id, error) ||
        !ledger_find_agent(taking->ledger, agent->name, &by_name, error))
        return TAKEN_FAILED;
    if (by_id)
        return TAKEN_THERE;
    if (by_name)
        return refuse(error, "name: is agent %s's", by_name->id);
    return store_agent(taking, agent, error);
}

static enum taken store_server(struct taking *taking, struct server_row *server,
                               GError **error)
{
    struct import_report *report = taking->report;
    char *event_id = NULL;
    g_autoptr(GError) trouble = NULL;
    row_set(&server->profile, taking->options->profile);
    bool deleted = server->status == STATUS_DELETED;
    if (!request_bring(taking->ledger, taking->codec, server, taking->request, &event_id,
                       &trouble)) {
        enum taken taken = wrong_or_failed(trouble);
        g_propagate_error(error, g_steal_pointer(&trouble));
        return taken;
    }
    g_free(report->last_event_id);
    report->last_event_id = event_id;
    report->servers++;
    report->deleted += deleted;
    return TAKEN;
}

static enum taken take_one_server(struct taking *taking, struct server_row *server,
                                  GError **error)
{
    g_autoptr(ServerRow) there = NULL;
    g_autoptr(ServerRow) holder = NULL;
    g_autoptr(AgentRow) agent = NULL;
    if (!check_name("id", server->id, error))
        return TAKEN_WRONG;
    if (!ledger_load_server(taking->ledger, server->id, &there, error) ||
        !ledger_load_agent(taking->ledger, server->agent_id, &agent, error) ||
        !ledger_find_server(taking->ledger, server->agent_id, server->name, &holder,
                            error))
        return TAKEN_FAILED;
    if (there)
        return TAKEN_THERE;
    if (!agent)
        return refuse(error, "agent_id: there is no agent %.100s", server->agent_id);
    if (!holder)
        return store_server(taking, server, error);
    if (server->status != STATUS_DELETED)
        return refuse(error, "name: is server %s's", holder->id);
    refuse(error, "is deleted, and its name is server %s's", holder->id);
    return TAKEN_SKIPPED;
}

/* Counts and tells what became of a row; false: it ends here. */
static bool count(struct taking *taking, enum taken taken, const char *what,
                  const char *name, const char *id, const GError *why)
{
    g_autofree char *reason =
        why ? g_strdup_printf("%s %s (%s): %s", what, name, id, why->message) : NULL;
    switch (taken) {
    case TAKEN:
        return true;
    case TAKEN_THERE:
        taking->report->there++;
        return true;
    case TAKEN_SKIPPED:
        skip(taking, reason);
        return true;
    case TAKEN_WRONG:
        g_ptr_array_add(taking->wrong, g_steal_pointer(&reason));
        return true;
    case TAKEN_FAILED:
        return false;
    }
    g_assert_not_reached();
}

static bool take_all(struct taking *taking, const struct d1_dump *dump, GError **error)
{
    for (guint i = 0; i < dump->wrong->len; i++)
        g_ptr_array_add(taking->wrong, g_strdup(dump->wrong->pdata[i]));
    for (guint i = 0; i < dump->agents->len + dump->servers->len; i++) {
        g_autoptr(GError) why = NULL;
        bool good;
        if (i < dump->agents->len) {
            struct agent_row *agent = dump->agents->pdata[i];
            enum taken taken = take_one_agent(taking, agent, &why);
            good = count(taking, taken, "agent", agent->name, agent->id, why);
        } else {
            struct server_row *server = dump->servers->pdata[i - dump->agents->len];
            g_autoptr(ServerRow) copy = server_row_dup(server); /* taking changes it */
            enum taken taken = take_one_server(taking, copy, &why);
            good = count(taking, taken, "server", server->name, server->id, why);
        }
        if (!good) {
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
    }
    return true;
}

/* The whole for its wrong rows, unless these may be left out. */
static bool judge(struct taking *taking, const struct d1_dump *dump, GError **error)
{
    const GPtrArray *wrong = taking->wrong;
    if (taking->options->skip_invalid || wrong->len == 0) {
        for (guint i = 0; i < wrong->len; i++)
            skip(taking, wrong->pdata[i]);
        return true;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < MIN(wrong->len, IMPORT_TOLD); i++)
        g_string_append_printf(text, "\n  %s", (char *)wrong->pdata[i]);
    if (wrong->len > IMPORT_TOLD)
        g_string_append_printf(text, "\n  and %u more", wrong->len - IMPORT_TOLD);
    g_set_error(
        error, IMPORT_ERROR, IMPORT_ERROR_REFUSED,
        "%s: nothing is imported, since %u row%s not right; --skip-invalid leaves "
        "out what is not:%s",
        dump->name, wrong->len, wrong->len == 1 ? " is" : "s are", text->str);
    return false;
}

bool import_apply(const struct d1_dump *dump, struct ledger *ledger, struct codec *codec,
                  const struct import_options *options, const struct request *request,
                  struct import_report *ret_report, GError **error)
{
    g_auto(ImportReport) report = {.reasons = g_ptr_array_new_with_free_func(g_free)};
    g_autoptr(GPtrArray) wrong = g_ptr_array_new_with_free_func(g_free);
    struct taking taking = {ledger, codec, options, request, &report, wrong};
    if (!ledger_begin(ledger, error))
        return false;
    bool good = take_all(&taking, dump, error) && judge(&taking, dump, error);
    if (!good || options->dry)
        ledger_rollback(ledger);
    else
        good = ledger_commit(ledger, error);
    if (!good)
        return false;
    *ret_report = report;
    memset(&report, 0, sizeof report); /* it is the caller's now */
    return true;
}

void import_report_clear(struct import_report *report)
{
    g_clear_pointer(&report->reasons, g_ptr_array_unref);
    g_clear_pointer(&report->last_event_id, g_free);
}
