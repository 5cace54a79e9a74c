/*
 * cli_fleet.c - muster import d1, muster purge: what is about many servers at once.
 */
#include "cli.h"

#include "clean.h"
#include "clock.h"
#include "import.h"
#include "ledger_rows.h"
#include "print.h"
#include "profile.h"

#include <stdio.h>
#include <unistd.h>

#define PARTITIONS 4

/* clang-format off */
#define FLAG(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct flags, field), argument, help}
static const struct option import_options[] = {
    FLAG("registry", 0, STRING, registry, "R", "image repository, for agents that have none there"),
    FLAG("data-path", 0, STRING, data_path, "DIR", "directory on the host, for agents that have none there"),
    FLAG("profile", 0, STRING, profile, "PROFILE|FILE", "which game all of them are (default zomboid)"),
    {"partitions", 0, OPTION_NUMBER, offsetof(struct flags, partitions), "N",
     "of the new agents' topics, fixed from then on (default 4)", false, 1, 256},
    FLAG("skip-invalid", 0, FLAG, skip_invalid, NULL, "leave out rows that are not right, instead of refusing all"),
    FLAG("dry-run", 0, FLAG, dry_run, NULL, "say what would be, and do nothing"),
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"),
};
static const struct option purge_options[] = {
    {"deleted-before", 0, OPTION_DURATION, offsetof(struct flags, deleted_before_ms), "TIME",
     "those that were deleted longer ago than this, such as 24h", true},
    FLAG("agent", 0, STRING, agent, "AGENT", "only this agent's"),
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"),
    FLAG("expires", 0, DURATION, expires_ms, "TIME", "not begun by then: expired (at most 6d)"),
};
/* clang-format on */

/* --- import d1 ------------------------------------------------------------------------------------ */

static void print_report(const struct call *call, const struct d1_dump *dump,
                         const struct import_report *report)
{
    clean_print(stdout, "%s\n", call->flags->dry_run ? "would be imported" : "imported");
    clean_print(stdout, "agents   %" G_GINT64_FORMAT "\n", report->agents);
    clean_print(stdout,
                "servers  %" G_GINT64_FORMAT " (%" G_GINT64_FORMAT " of them deleted)\n",
                report->servers, report->deleted);
    clean_print(stdout,
                "skipped  %" G_GINT64_FORMAT " (%" G_GINT64_FORMAT
                " of them in the ledger already)\n",
                report->skipped + report->there, report->there);
    for (guint i = 0; i < report->reasons->len; i++)
        clean_print(stdout, "  %s\n", (char *)report->reasons->pdata[i]);
    if (report->skipped > report->reasons->len)
        clean_print(stdout, "  and %" G_GINT64_FORMAT " more\n",
                    report->skipped - report->reasons->len);
    for (guint i = 0; i < dump->tables->len; i++)
        clean_print(stdout, "  table %s is not ours\n", (char *)dump->tables->pdata[i]);
}

static json_t *json_strings(const GPtrArray *strings)
{
    json_t *list = json_array();
    for (guint i = 0; i < strings->len; i++)
        json_array_append_new(list, json_string(strings->pdata[i]));
    return list;
}

static void print_report_json(const struct d1_dump *dump,
                              const struct import_report *report)
{
    print_json(json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "agents", (json_int_t)report->agents,
        "servers", (json_int_t)report->servers, "deleted", (json_int_t)report->deleted,
        "skipped", (json_int_t)report->skipped + (json_int_t)report->there, "there",
        (json_int_t)report->there, "reasons", json_strings(report->reasons), "tables",
        json_strings(dump->tables)));
}

/* Topics of agents that the ledger does not have; to make them again changes nothing. */
static bool make_all_topics(struct call *call, const struct d1_dump *dump,
                            int64_t partitions, GError **error)
{
    for (guint i = 0; i < dump->agents->len; i++) {
        const struct agent_row *agent = dump->agents->pdata[i];
        g_autoptr(AgentRow) there = NULL;
        if (!ledger_load_agent(call->session.ledger, agent->id, &there, error) ||
            (!there && !cli_make_topics(call, agent->id, partitions, error)))
            return false;
    }
    return true;
}

/* First all but the commit, so that no topic is made for what is refused. */
static int import_dump(struct call *call, const struct d1_dump *dump,
                       const struct import_options *options,
                       struct import_report *ret_report, GError **error)
{
    struct session *session = &call->session;
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    struct import_options dry = *options;
    dry.dry = true;
    if (!import_apply(dump, session->ledger, session->codec, &dry, &request, ret_report,
                      error))
        return CLI_USAGE;
    if (options->dry)
        return CLI_DONE;
    import_report_clear(ret_report);
    if (!make_all_topics(call, dump, options->partitions, error))
        return CLI_UNREACHABLE;
    if (!import_apply(dump, session->ledger, session->codec, options, &request,
                      ret_report, error))
        return CLI_USAGE;
    if (!ret_report->last_event_id ||
        session_deliver(session, ret_report->last_event_id, error))
        return CLI_DONE;
    g_prefix_error(error,
                   "all is in the ledger, and will be sent once that is possible: ");
    return CLI_UNREACHABLE;
}

static int import_d1(struct call *call, GError **error)
{
    const struct flags *flags = call->flags;
    g_auto(ImportReport) report = {0};
    bool stale;
    g_autoptr(D1Dump)
        dump = d1_dump_read(call->words[0], clock_now(call->session.ledger), error);
    g_autofree char *profile =
        dump ? profile_take(call->session.ledger,
                            flags->profile ? flags->profile : PROFILE_DEFAULT, error)
             : NULL;
    if (!profile)
        return CLI_USAGE;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    const struct import_options options = {
        .profile = profile,
        .registry = flags->registry,
        .data_path = flags->data_path,
        .partitions = flags->partitions ? flags->partitions : PARTITIONS,
        .skip_invalid = flags->skip_invalid,
        .dry = flags->dry_run,
    };
    int code = import_dump(call, dump, &options, &report, error);
    if (report.reasons && call->common->json)
        print_report_json(dump, &report);
    else if (report.reasons)
        print_report(call, dump, &report);
    return code;
}

/* --- purge ----------------------------------------------------------------------------------------- */

static GPtrArray *old_ones(struct call *call, struct agent_row *agent, GError **error)
{
    const struct server_filter filter = {
        .agent_id = agent ? agent->id : NULL,
        .status = STATUS_DELETED,
        .partition = CONTRACT_NONE,
        .deleted_before = clock_now(call->session.ledger) -
                          call->flags->deleted_before_ms,
    };
    return ledger_servers(call->session.ledger, &filter, true, error);
}

static bool is_sure(const struct call *call, const GPtrArray *servers)
{
    if (call->common->yes || !isatty(STDIN_FILENO))
        return true;
    for (guint i = 0; i < servers->len; i++) {
        const struct server_row *server = servers->pdata[i];
        g_autofree char *time = print_time(server->deleted_at);
        clean_print(stderr, "%s  deleted %s  %s\n", server->name, time, server->data_dir);
    }
    char answer[16];
    clean_print(stderr, "Remove these %u servers and all their data for good? [y/N] ",
                servers->len);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool check_agents(struct call *call, const GPtrArray *servers, GError **error)
{
    g_autoptr(GHashTable) checked = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < servers->len; i++) {
        const struct server_row *server = servers->pdata[i];
        if (!g_hash_table_add(checked, server->agent_id))
            continue;
        g_autoptr(AgentRow) agent = cli_find_agent(call, server->agent_id, error);
        if (!agent || !cli_check_agent(call, agent, error))
            return false;
    }
    return true;
}

/* One that is not deleted any more by now is left alone, and said. */
static bool queue_purge(struct call *call, const struct server_row *server,
                        GPtrArray *all, GError **error)
{
    g_autoptr(GError) refused = NULL;
    struct request request = cli_request(call, ACTION_PURGE);
    request.only_if = STATUS_DELETED;
    struct queued *queued = request_action(call->session.ledger, call->session.codec,
                                           server->id, &request, &refused);
    if (queued) {
        g_ptr_array_add(all, queued);
        return true;
    }
    if (g_error_matches(refused, REQUEST_ERROR, REQUEST_ERROR_REFUSED)) {
        clean_print(stderr, "muster: left alone: %s\n", refused->message);
        return true;
    }
    g_propagate_prefixed_error(error, g_steal_pointer(&refused),
                               "%u are queued, and then: ", all->len);
    return false;
}

static GPtrArray *queue_purges(struct call *call, const GPtrArray *servers,
                               GError **error)
{
    g_autoptr(GPtrArray)
        all = g_ptr_array_new_with_free_func((GDestroyNotify)queued_free);
    for (guint i = 0; i < servers->len; i++)
        if (!queue_purge(call, servers->pdata[i], all, error))
            return NULL;
    return g_steal_pointer(&all);
}

static void print_purges(const struct call *call, const GPtrArray *all)
{
    json_t *list = json_array();
    for (guint i = 0; i < all->len; i++) {
        const struct queued *queued = all->pdata[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "command_id",
                                        queued->command_id, "server_id",
                                        queued->server_id, "agent_id", queued->agent_id));
        if (!call->common->json)
            clean_print(stdout, "%s  %s\n", queued->command_id, queued->server_id);
    }
    if (call->common->json)
        print_json(json_incref(list));
    else
        clean_print(stdout, "%u to be purged\n", all->len);
    json_decref(list);
}

static int purge_all(struct call *call, const GPtrArray *servers, GError **error)
{
    g_autoptr(CommandRow) worst = NULL;
    g_autoptr(GPtrArray) all = queue_purges(call, servers, error);
    if (!all)
        return CLI_USAGE;
    print_purges(call, all);
    if (all->len > 0 && !cli_send(call, all, error))
        return CLI_UNREACHABLE;
    return call->common->wait_ms >= 0 ? cli_wait(call, all, &worst, error) : CLI_DONE;
}

static int purge(struct call *call, GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    bool stale;
    if (call->flags->expires_ms > CLI_EXPIRES_MAX)
        return cli_usage(error, "--expires: at most 6d, since the topic keeps commands "
                                "for 7");
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    if (call->flags->agent && !(agent = cli_find_agent(call, call->flags->agent, error)))
        return CLI_USAGE;
    g_autoptr(GPtrArray) servers = old_ones(call, agent, error);
    if (!servers)
        return CLI_UNREACHABLE;
    if (!check_agents(call, servers, error))
        return CLI_USAGE;
    if (servers->len > 0 && !is_sure(call, servers))
        return cli_usage(error, "not purged");
    return purge_all(call, servers, error);
}

/* clang-format off */
#define OPTIONS(table) table, G_N_ELEMENTS(table)
const struct cli_row cli_fleet_rows[] = {
    {"import", "d1", "FILE", 1, "take over agents and servers from the SQL text of a D1 database", OPTIONS(import_options), import_d1},
    {NULL, "purge", "", 0, "remove servers that were deleted long ago, and their data", OPTIONS(purge_options), purge, ACTION_PURGE},
};
/* clang-format on */
const size_t cli_n_fleet_rows = G_N_ELEMENTS(cli_fleet_rows);
