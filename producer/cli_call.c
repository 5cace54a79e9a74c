/*
 * cli_call.c - what the commands have in common: finding what is meant, being up to date,
 * and what follows once something is queued (send, wait, print).
 */
#include "cli.h"

#include "clean.h"
#include "clock.h"
#include "eventlog.h"
#include "ledger_rows.h"
#include "print.h"
#include "rules.h"
#include "terminal.h"
#include "topics.h"
#include "view.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_SHOWN_S 0.1

struct request cli_request(const struct call *call, enum action action)
{
    return (struct request){
        .action = action,
        .actor = call->session.actor,
        .reason = call->flags->reason ? call->flags->reason : "",
        .now = clock_now(call->session.ledger),
        .expires_ms = call->flags->expires_ms,
        .fresh = call->flags->fresh,
        .start = call->flags->start,
        .skip_save = call->flags->skip_save,
        .as_found = call->flags->keep,
        .dry_run = call->flags->dry_run,
        .unmarked = call->common->yes, /* only purge has to do with it */
        .target = call->flags->command,
    };
}

/* --- Finding --------------------------------------------------------------------------------------- */

struct agent_row *cli_find_agent(struct call *call, const char *id_or_name,
                                 GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    if (!ledger_find_agent(call->session.ledger, id_or_name, &agent, error))
        return NULL;
    if (!agent)
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND,
                    "no agent '%s'; `muster agent list` shows them", id_or_name);
    return g_steal_pointer(&agent);
}

static bool find_named(struct call *call, const char *words,
                       struct server_row **ret_server, GError **error)
{
    const char *slash = strchr(words, '/');
    g_autofree char *agent_name = g_strndup(words, (gsize)(slash - words));
    g_autoptr(AgentRow) agent = cli_find_agent(call, agent_name, error);
    return agent && ledger_find_server(call->session.ledger, agent->id, slash + 1,
                                       ret_server, error);
}

struct server_row *cli_find_server(struct call *call, const char *words, GError **error)
{
    g_autoptr(ServerRow) server = NULL;
    bool good = strchr(words, '/')
                    ? find_named(call, words, &server, error)
                    : ledger_load_server(call->session.ledger, words, &server, error);
    if (good && !server)
        g_set_error(
            error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND,
            "no server '%s': give its id, or AGENT/NAME; `muster server list` shows "
            "them",
            words);
    return good ? g_steal_pointer(&server) : NULL;
}

/* How large a command may be, of which a record is the most part. */
static bool ask_bytes(struct call *call, const struct agent_row *agent, GError **error)
{
    const enum action action = call->row->action;
    return action == ACTION_UNKNOWN || !rule_of(action)->takes_spec ||
           topics_ask_bytes(call->session.ledger, call->session.bus, agent->id, error);
}

bool cli_check_agent(struct call *call, const struct agent_row *agent, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    if (call->away)
        return true;
    if (relay_check_agent(call->session.bus, agent, &wrong) &&
        ask_bytes(call, agent, &wrong))
        return !agent->held || ledger_lift(call->session.ledger, agent->id, error);
    if (g_error_matches(wrong, BUS_ERROR, BUS_ERROR_UNREACHABLE))
        return true; /* the ledger takes it all the same, and sends it later */
    g_propagate_error(error, g_steal_pointer(&wrong));
    return false;
}

bool cli_catch_up(struct call *call, bool *ret_stale, GError **error)
{
    g_autoptr(GError) away = NULL;
    *ret_stale = false;
    if (session_catch_up(&call->session, &away))
        return true;
    const bool slow = g_error_matches(away, INGEST_ERROR, INGEST_ERROR_SLOW);
    if (!slow && !g_error_matches(away, BUS_ERROR, BUS_ERROR_UNREACHABLE)) {
        g_propagate_error(error, g_steal_pointer(&away));
        return false;
    }
    clean_print(stderr, "muster: %s, this is what the ledger knew: %s\n",
                slow ? "the ledger is behind the log" : "the bus is not reachable",
                away->message);
    *ret_stale = call->away = true;
    return true;
}

/* --- Waiting --------------------------------------------------------------------------------------- */

/* What a person who waits is shown. */
struct waiting {
    int64_t since; /* monotonic */
    guint done, all;
};

/* "waits for its worker", "begun", "pull: 40 %". */
static const char *how_it_goes(const struct command_row *command)
{
    if (!command || command->recorded_at == CONTRACT_NONE)
        return "on its way";
    if (!*command->outcome)
        return "waits for its worker";
    return *command->message ? command->message : command->outcome;
}

static void show_progress(void *listener, const struct command_row *command)
{
    const struct waiting *waiting = listener;
    int seconds = (int)((g_get_monotonic_time() - waiting->since) / G_USEC_PER_SEC);
    g_autofree char *count = waiting->all > 1
                                 ? g_strdup_printf("%u of %u, ", waiting->done + 1,
                                                   waiting->all)
                                 : g_strdup("");
    g_autofree char *line = g_strdup_printf("%s%s: %s, %d s", count,
                                            command ? command->action : "command",
                                            how_it_goes(command), seconds);
    terminal_live(line);
}

static int exit_of(const struct command_row *command)
{
    return g_str_equal(command->outcome, outcome_name(OUTCOME_DONE)) ? CLI_DONE
                                                                     : CLI_FAILED;
}

static void add_result(json_t *json, const struct command_row *command)
{
    json_auto_t *row = row_to_json(&table_commands, command);
    static const char *const names[] = {"outcome",   "code",    "message",
                                        "recovered", "already", "rolled_back"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        json_object_set(json, names[i], json_object_get(row, names[i]));
}

/* --- Printing -------------------------------------------------------------------------------------- */

static bool print_queued_json(struct call *call, const GPtrArray *all,
                              const struct command_row *command, GError **error)
{
    json_t *json = view_queued_json(call->session.ledger, all, error);
    if (!json)
        return false;
    if (command)
        add_result(json, command);
    print_json(json);
    return true;
}

/* "pull 3.2 s, create 0.1 s", of those that took a while; g_free it. */
static char *steps_text(const struct command_row *command)
{
    json_auto_t *result = command->result ? json_loads(command->result, 0, NULL) : NULL;
    GString *text = g_string_new("");
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(result, "steps"), i, step)
    {
        const char *name = json_string_value(json_object_get(step, "name"));
        double seconds = json_number_value(json_object_get(step, "ms")) / 1000;
        if (name && seconds >= STEP_SHOWN_S)
            g_string_append_printf(text, "%s%s %.1f s", text->len ? ", " : "", name,
                                   seconds);
    }
    return g_string_free(text, FALSE);
}

static void print_result(const struct command_row *command, guint count)
{
    g_autofree char *steps = steps_text(command);
    clean_print(stdout, "%s ", command->action);
    terminal_word(stdout, command->outcome);
    clean_print(stdout, "%s%s", command->recovered ? " (recovered)" : "",
                command->already ? " (already)" : "");
    if (count > 1)
        clean_print(stdout, ", %u partitions", count);
    if (*command->message && (count == 1 || exit_of(command) != CLI_DONE))
        clean_print(stdout, ": %s", command->message);
    if (count == 1 && *steps)
        clean_print(stdout, " (%s)", steps);
    fputc('\n', stdout);
}

/* Of an adopted container: said before a rebuild has made another. */
static void print_differences(const struct queued *queued)
{
    size_t i;
    json_t *sentence;
    json_array_foreach(queued->differences, i, sentence)
        clean_print(stderr, "muster: %s\n", json_string_value(sentence));
}

static void print_queued_text(const GPtrArray *all, const struct command_row *command)
{
    const struct queued *queued = all->pdata[0];
    if (command)
        print_result(command, all->len);
    if (queued->command_id)
        clean_print(stdout, "command_id %s\n", queued->command_id);
    if (queued->server_id)
        clean_print(stdout, "server_id %s\n", queued->server_id);
}

static bool print_queued(struct call *call, const GPtrArray *all,
                         const struct command_row *command, GError **error)
{
    if (call->common->json)
        return print_queued_json(call, all, command, error);
    print_queued_text(all, command);
    return true;
}

/* Waits for all of them; the worst result is left in `*ret_command`. */
int cli_wait(struct call *call, const GPtrArray *all, struct command_row **ret_command,
             GError **error)
{
    struct waiting waiting = {.since = g_get_monotonic_time(), .all = all->len};
    int64_t deadline = waiting.since + call->common->wait_ms * 1000;
    int code = CLI_DONE;
    for (guint i = 0; i < all->len; i++) {
        const struct queued *queued = all->pdata[i];
        g_autoptr(CommandRow) command = NULL;
        enum waited waited = session_wait(&call->session, queued->command_id, deadline,
                                          show_progress, &waiting, &command, error);
        terminal_live(NULL);
        waiting.done++;
        switch (waited) {
        case WAITED_TIMEOUT:
            clean_print(stderr,
                        "muster: no result within %" G_GINT64_FORMAT
                        " s; command %s goes on, `muster events` shows it\n",
                        call->common->wait_ms / 1000, queued->command_id);
            return CLI_TIMEOUT;
        case WAITED_NOT_READ:
            clean_print(
                stderr,
                "muster: the result of command %s may have come, and cannot be read "
                "by this muster, as of a newer worker: upgrade muster; `muster audit "
                "aside` shows what it is\n",
                queued->command_id);
            return CLI_TIMEOUT;
        case WAITED_FAILED:
            return CLI_UNREACHABLE;
        case WAITED_ENDED:
            break;
        }
        if (!*ret_command || exit_of(command) != CLI_DONE) {
            command_row_free(*ret_command);
            *ret_command = g_steal_pointer(&command);
            code = exit_of(*ret_command);
        }
    }
    return code;
}

bool cli_send(struct call *call, const GPtrArray *all, GError **error)
{
    const struct queued *last = all->pdata[all->len - 1];
    if (call->away)
        g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE, "the bus is not reachable");
    else if (session_deliver(&call->session, last->event_id, error))
        return true;
    g_prefix_error(error, "%s is in the ledger, and will be sent once that is possible: ",
                   last->command_id ? last->command_id : "the change");
    return false;
}

int cli_finish_all(struct call *call, const GPtrArray *all, GError **error)
{
    g_autoptr(CommandRow) command = NULL;
    const struct queued *first = all->pdata[0];
    int code = CLI_DONE;
    if (!call->common->json)
        print_differences(first);
    if (!cli_send(call, all, error)) {
        print_queued(call, all, NULL, NULL);
        return CLI_UNREACHABLE;
    }
    if (call->common->wait_ms >= 0 && first->command_id)
        code = cli_wait(call, all, &command, error);
    if (code == CLI_UNREACHABLE)
        return code;
    if (!print_queued(call, all, command, error))
        return CLI_UNREACHABLE;
    return code;
}

int cli_finish(struct call *call, const struct queued *queued, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_ptr_array_add(all, (gpointer)queued);
    return cli_finish_all(call, all, error);
}
