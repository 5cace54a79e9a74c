/*
 * cli_server.c - muster server …: records, and the actions on them.
 *
 * All actions are one function; rules.c says which are possible when.
 */
#include "cli.h"

#include "clean.h"
#include "adopt.h"
#include "clock.h"
#include "env_given.h"
#include "heal.h"
#include "ledger_rows.h"
#include "numbers.h"
#include "print.h"
#include "profile.h"
#include "rules.h"
#include "view.h"

#include <string.h>
#include <unistd.h>

/* clang-format off */
#define FLAG(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct flags, field), argument, help}
#define PORT(name, field, help) \
    {name, 0, OPTION_NUMBER, offsetof(struct flags, field), "N", help, false, 1, 65535}
#define RECORD_OPTIONS \
    FLAG("image", 0, STRING, image, "I", "image: [host[:port]/]path[:tag][@digest] (default: the agent's registry)"), \
    FLAG("image-tag", 0, STRING, image_tag, "T", "its tag, its digest sha256:…, or both as tag@digest (default: the profile's)"), \
    PORT("game-port", game_port, "port of the game"), \
    PORT("udp-port", udp_port, "second UDP port"), \
    PORT("rcon-port", rcon_port, "RCON port (zomboid: inside the container only)"), \
    FLAG("data-path", 0, STRING, data_path, "DIR", "directory on the host (default: the agent's)"), \
    FLAG("on-missing", 0, STRING, on_missing, "show|start|agent", "when it turns missing; agent: as its agent has it, the default"), \
    FLAG("env", 'e', STRINGS, env, "KEY[=VALUE]", "a variable for the container, kept secret; KEY alone: its value is this environment's, and stands in no process list"), \
    FLAG("env-file", 0, STRINGS, env_file, "FILE", "such variables, one KEY=VALUE or KEY a line; # begins a comment; -e wins"), \
    FLAG("profile", 0, STRING, profile, "PROFILE|FILE", "which game: a name, or a JSON file (default zomboid)")
#define COMMAND_OPTIONS \
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"), \
    FLAG("expires", 0, DURATION, expires_ms, "TIME", "not begun by then: expired (at most 6d)")
#define FRESH FLAG("fresh", 0, FLAG, fresh, NULL, "begin with new data although the old is gone")
#define LET_GO FLAG("fresh", 0, FLAG, fresh, NULL, "also if the container keeps data outside its mounts, which goes with it")
#define SKIP_SAVE FLAG("skip-save", 0, FLAG, skip_save, NULL, "do not save before stopping")
#define PULL FLAG("pull", 0, STRING, pull, "always|missing|never", "when to pull the image (default: as the action needs)")

static const struct option create_options[] = {RECORD_OPTIONS, COMMAND_OPTIONS, PULL};
static const struct option set_options[] = {
    RECORD_OPTIONS,
    FLAG("unset-env", 0, STRINGS, unset_env, "KEY", "take a variable away"),
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"),
};
static const struct option make_options[] = {COMMAND_OPTIONS, FRESH, PULL};
static const struct option replace_options[] = {COMMAND_OPTIONS, FRESH, SKIP_SAVE, PULL};
static const struct option restore_options[] = {
    COMMAND_OPTIONS, FRESH, PULL, FLAG("start", 0, FLAG, start, NULL, "start it, too")};
static const struct option stop_options[] = {COMMAND_OPTIONS, SKIP_SAVE};
static const struct option remove_options[] = {COMMAND_OPTIONS, SKIP_SAVE, LET_GO};
static const struct option cancel_options[] = {
    COMMAND_OPTIONS, FLAG("command", 0, STRING, command, "ID", "which one (default: the newest that is open)")};
static const struct option adopt_options[] = {
    RECORD_OPTIONS,
    FLAG("keep", 0, FLAG, keep, NULL, "with a profile of its own that makes the container again as it is"),
    FLAG("dry-run", 0, FLAG, dry_run, NULL, "say what record it would be, and what a rebuild would change; do nothing"),
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"),
};
/* clang-format on */

/* --- Records ------------------------------------------------------------------------------------ */

static bool take_config(struct server_row *server, const struct flags *flags,
                        GError **error)
{
    json_auto_t *config = numbers_load(server->config, strlen(server->config), 0, NULL);
    if (!json_is_object(config)) {
        json_decref(config);
        config = json_object();
    }
    if (!env_given(config, flags->env_file, flags->env, error))
        return false;
    for (guint i = 0; flags->unset_env && i < flags->unset_env->len; i++)
        json_object_del(config, flags->unset_env->pdata[i]);
    g_free(server->config);
    server->config = numbers_dump(config);
    return true;
}

static void take_string(char **field, const char *value)
{
    if (value)
        row_set(field, value);
}

static void take_port(int64_t *field, int64_t value)
{
    if (value >= 0)
        *field = value;
}

static bool take_on_missing(struct server_row *server, const struct flags *flags,
                            GError **error)
{
    if (!flags->on_missing)
        return true;
    bool agents = g_str_equal(flags->on_missing, "agent");
    row_set(&server->on_missing, agents ? NULL : flags->on_missing);
    if (agents || heal_is_word(flags->on_missing))
        return true;
    cli_usage(error, "--on-missing: '%s' is not show, start or agent", flags->on_missing);
    return false;
}

/* What was given on the command line, into a record. */
static bool take_record(struct call *call, struct server_row *server, GError **error)
{
    const struct flags *flags = call->flags;
    server_row_put_image(server, flags->image, flags->image_tag);
    take_string(&server->server_data_path, flags->data_path);
    take_port(&server->game_port, flags->game_port);
    take_port(&server->udp_port, flags->udp_port);
    take_port(&server->rcon_port, flags->rcon_port);
    const char *profile = flags->profile     ? flags->profile
                          : *server->profile ? server->profile
                                             : PROFILE_DEFAULT;
    char *name = profile_take(call->session.ledger, profile, error);
    if (!name)
        return false;
    g_free(server->profile);
    server->profile = name;
    return take_on_missing(server, flags, error) && take_config(server, flags, error);
}

static bool take_pull(const struct call *call, struct request *request, GError **error)
{
    const char *word = call->flags->pull;
    if (!word)
        return true;
    for (int i = PULL_ALWAYS; i < PULL_COUNT; i++)
        if (g_str_equal(word, pull_name((enum pull)i))) {
            request->pull = (enum pull)i;
            return true;
        }
    cli_usage(error, "--pull: '%s' is not always, missing or never", word);
    return false;
}

static bool make_request(struct call *call, struct request *ret_request, GError **error)
{
    struct request request = cli_request(call, call->row->action);
    if (request.expires_ms > CLI_EXPIRES_MAX) {
        cli_usage(error, "--expires: at most 6d, since the topic keeps commands for 7");
        return false;
    }
    if (!take_pull(call, &request, error))
        return false;
    *ret_request = request;
    return true;
}

static int server_create(struct call *call, GError **error)
{
    struct session *session = &call->session;
    struct request request;
    bool stale;
    if (!make_request(call, &request, error) || !cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, call->words[0], error);
    if (!agent || !cli_check_agent(call, agent, error))
        return CLI_USAGE;
    g_autoptr(ServerRow) draft = server_row_new();
    row_set(&draft->agent_id, agent->id);
    row_set(&draft->name, call->words[1]);
    if (!take_record(call, draft, error))
        return CLI_USAGE;
    g_autoptr(Queued)
        queued = request_create(session->ledger, session->codec, draft, &request, error);
    return queued ? cli_finish(call, queued, error) : CLI_USAGE;
}

static int server_set(struct call *call, GError **error)
{
    struct session *session = &call->session;
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    g_autoptr(ServerRow) server = cli_find_server(call, call->words[0], error);
    if (!server || !take_record(call, server, error))
        return CLI_USAGE;
    g_autoptr(Queued)
        queued = request_change(session->ledger, session->codec, server, &request, error);
    return queued ? cli_finish(call, queued, error) : CLI_USAGE;
}

/* --- Actions --------------------------------------------------------------------------------------- */

/* Purge is for good: on a terminal a person says yes first. */
static bool is_sure(const struct call *call, const struct server_row *server)
{
    if (call->row->action != ACTION_PURGE || call->common->yes || !isatty(STDIN_FILENO))
        return true;
    char answer[16];
    clean_print(
        stderr,
        "Remove %s, all its data in %s and the volumes made for it, for good? [y/N] ",
        server->name, server->data_dir);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int server_action(struct call *call, GError **error)
{
    struct session *session = &call->session;
    struct request request;
    bool stale;
    if (!make_request(call, &request, error) || !cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(ServerRow) server = cli_find_server(call, call->words[0], error);
    if (!server || !rule_check(request.action, server, request.fresh, error))
        return CLI_USAGE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, server->agent_id, error);
    if (!agent || !cli_check_agent(call, agent, error))
        return CLI_USAGE;
    if (!is_sure(call, server))
        return cli_usage(error, "not purged");
    g_autoptr(Queued) queued = request_action(session->ledger, session->codec, server->id,
                                              &request, error);
    return queued ? cli_finish(call, queued, error) : CLI_USAGE;
}

/* --- Showing ---------------------------------------------------------------------------------------- */

/* Each with its word, by which --json, HTTP and the metrics call it. */
static void print_remarks(const struct remark_facts *facts)
{
    const unsigned remarks = remark_judge(facts);
    for (unsigned i = 0; i < REMARK_COUNT; i++) {
        if (!(remarks & 1U << i))
            continue;
        g_autofree char *sentence = remark_sentence((enum remark)i, facts);
        g_autofree char *line = g_strdup_printf("%s: %s", remark_word((enum remark)i),
                                                sentence);
        print_field("remark", line);
    }
}

static bool print_server(struct call *call, const struct view *view,
                         const struct server_row *server, GError **error)
{
    g_autofree char *possible = rule_possible(server);
    struct remark_facts facts;
    if (!view_remarks(view, server, &facts, error))
        return false;
    if (call->common->json) {
        json_t *json = view_server_json(view, server, error);
        if (!json)
            return false;
        json_flatten(json);
        print_json(json);
        return true;
    }
    print_details(&table_servers, server);
    if (view_online(view, server->agent_id) == MAYBE_NO)
        print_field("shown as", view_status(view, server));
    print_remarks(&facts);
    print_field("possible now", possible);
    return true;
}

static int server_show(struct call *call, GError **error)
{
    g_auto(View) view = {0};
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(ServerRow) server = cli_find_server(call, call->words[0], error);
    if (!server)
        return CLI_USAGE;
    if (!view_begin(&view, call->session.ledger, clock_now(call->session.ledger),
                    error) ||
        !print_server(call, &view, server, error))
        return CLI_UNREACHABLE;
    return stale ? CLI_UNREACHABLE : CLI_DONE;
}

/* --- Adoption --------------------------------------------------------------------------------------- */

/* The record that it would be, and what a rebuild would change of the container. */
static int print_proposal(const struct call *call, const struct queued *queued)
{
    const char *key;
    json_t *value;
    size_t i;
    if (call->common->json) {
        json_t *json = json_deep_copy(queued->proposal);
        json_object_set_new(json, "differences",
                            queued->differences ? json_incref(queued->differences)
                                                : json_array());
        print_json(json);
        return CLI_DONE;
    }
    json_object_foreach(queued->proposal, key, value)
    {
        g_autofree char *number = json_is_integer(value)
                                      ? json_dumps(value, JSON_ENCODE_ANY)
                                      : NULL;
        const char *text = number ? number : json_string_value(value);
        if (text && *text && !g_str_equal(text, "0"))
            print_field(key, text);
    }
    json_array_foreach(queued->differences, i, value)
        print_field("differs", json_string_value(value));
    return CLI_DONE;
}

static int server_adopt(struct call *call, GError **error)
{
    struct session *session = &call->session;
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, call->words[0], error);
    g_autoptr(ServerRow) draft = server_row_new();
    if (!agent)
        return CLI_USAGE;
    row_set(&draft->agent_id, agent->id);
    if (!take_record(call, draft, error))
        return CLI_USAGE;
    g_autoptr(Queued) queued = adopt(session->ledger, session->codec, draft,
                                     call->words[1], &request, error);
    if (queued && queued->proposal)
        return print_proposal(call, queued);
    return queued ? cli_finish(call, queued, error) : CLI_USAGE;
}

/* clang-format off */
#define OPTIONS(table) table, G_N_ELEMENTS(table)
#define ACTION(name, action, options, about) \
    {"server", name, "SERVER", 1, about, OPTIONS(options), server_action, action}
const struct cli_row cli_server_rows[] = {
    {"server", "create", "AGENT NAME", 2, "make a server's record and its container, and start it",
     OPTIONS(create_options), server_create, ACTION_CREATE},
    {"server", "set", "SERVER", 1, "change its record; a rebuild applies it", OPTIONS(set_options), server_set},
    {"server", "adopt", "AGENT CONTAINER", 2, "make an unmanaged container a server's; a rebuild gives it labels",
     OPTIONS(adopt_options), server_adopt},
    {"server", "show", "SERVER", 1, "all about one", NULL, 0, server_show},
    ACTION("start", ACTION_START, make_options, "make it run; its container is made again if it is gone"),
    ACTION("stop", ACTION_STOP, stop_options, "save and stop it"),
    ACTION("restart", ACTION_RESTART, replace_options, "save, stop and start it"),
    ACTION("rebuild", ACTION_REBUILD, replace_options, "pull, and replace its container; the old one is kept until the new one runs"),
    ACTION("recreate", ACTION_RECREATE, make_options, "make its container again if it is gone, else touch nothing"),
    ACTION("restore", ACTION_RESTORE, restore_options, "bring a deleted one's container back, with its data"),
    ACTION("delete", ACTION_DELETE, remove_options, "remove its container; record and data stay"),
    ACTION("purge", ACTION_PURGE, remove_options, "remove its container and its data, for good"),
    ACTION("cancel", ACTION_CANCEL, cancel_options, "end its open command"),
};
/* clang-format on */
const size_t cli_n_server_rows = G_N_ELEMENTS(cli_server_rows);
