/*
 * test_import.c - fleets that were there before Muster: dumps into a ledger, containers that
 * are adopted.
 *
 * The dumps are files, cases/import/NAME.sql, and beside each, NAME.told has the report, or
 * pieces of the error.
 */
#include "adopt.h"
#include "apply.h"
#include "import.h"
#include "ledger_found.h"

#include "cases.h"

#include <glib/gstdio.h>

#define NOW INT64_C(1800000000000)
#define C1  "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1"
#define C2  "c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2"

struct desk {
    char *directory;
    struct ledger *ledger;
    struct codec *codec;
    int64_t offset;
};

static void set_up(struct desk *desk, gconstpointer data)
{
    desk->directory = g_dir_make_tmp("desk-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(desk->directory, "ledger.db", NULL);
    desk->ledger = ledger_make(path, NULL);
    desk->codec = codec_new();
    g_assert_nonnull(desk->ledger);
}

static void tear_down(struct desk *desk, gconstpointer data)
{
    ledger_close(desk->ledger);
    codec_free(desk->codec);
    g_autoptr(GDir) dir = g_dir_open(desk->directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(desk->directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(desk->directory);
    g_free(desk->directory);
}

static const struct request request = {.actor = "test", .reason = "", .now = NOW};

/* --- Dumps ------------------------------------------------------------------------------- */

static bool import_file(struct desk *desk, const char *path, bool skip_invalid,
                        struct import_report *ret_report, json_t **ret_tables,
                        GError **error)
{
    const struct import_options options = {
        .profile = "zomboid", .partitions = 4, .skip_invalid = skip_invalid};
    g_autoptr(D1Dump) dump = d1_dump_read(path, NOW, error);
    if (!dump || !import_apply(dump, desk->ledger, desk->codec, &options, &request,
                               ret_report, error))
        return false;
    *ret_tables = json_array();
    for (guint i = 0; i < dump->tables->len; i++)
        json_array_append_new(*ret_tables, json_string(dump->tables->pdata[i]));
    return true;
}

static json_t *report_json(const struct import_report *report, json_t *tables_taken)
{
    json_t *reasons = json_array();
    for (guint i = 0; i < report->reasons->len; i++)
        json_array_append_new(reasons, json_string(report->reasons->pdata[i]));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "agents",
                     (json_int_t)report->agents, "servers", (json_int_t)report->servers,
                     "deleted", (json_int_t)report->deleted, "skipped",
                     (json_int_t)report->skipped, "there", (json_int_t)report->there,
                     "reasons", reasons, "tables", tables_taken);
}

static GPtrArray *all_servers(struct desk *desk)
{
    const struct server_filter filter = {.partition = CONTRACT_NONE};
    GPtrArray *servers = ledger_servers(desk->ledger, &filter, true, NULL);
    g_assert_nonnull(servers);
    return servers;
}

static void assert_nothing(struct desk *desk)
{
    g_autoptr(GPtrArray) servers = all_servers(desk);
    g_autoptr(GPtrArray) agents = ledger_agents(desk->ledger, NULL);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 10, NULL);
    g_assert_cmpuint(servers->len + agents->len + unsent->len, ==, 0);
}

static void check_file(struct desk *desk, const char *path)
{
    g_autofree char *told_path = case_beside(path, ".sql", ".told");
    json_auto_t *told = case_json(told_path);
    json_t *pieces = json_object_get(told, "error");
    g_auto(ImportReport) report = {0};
    g_autoptr(GError) error = NULL;
    json_t *tables = NULL;
    size_t i;
    json_t *piece;
    bool good = import_file(desk, path, false, &report, &tables, &error);
    if (good) {
        json_auto_t *json = report_json(&report, tables);
        assert_json_equal(json, told, path);
        return;
    }
    g_assert_nonnull(pieces);
    json_array_foreach(pieces, i,
                       piece) if (!strstr(error->message, json_string_value(piece)))
        g_error("%s: says \"%s\"", path, error->message);
    g_assert_null(strstr(error->message, "geheim"));
    g_assert_true(g_str_has_prefix(error->message, path));
    assert_nothing(desk);
}

static void test_dumps(struct desk *unused, gconstpointer data)
{
    g_auto(GStrv) paths = cases_in("import", ".sql");
    for (char **path = paths; *path; path++) {
        struct desk desk = {0};
        set_up(&desk, NULL);
        check_file(&desk, *path);
        tear_down(&desk, NULL);
    }
}

static void import_good(struct desk *desk, const char *name, bool skip_invalid,
                        struct import_report *ret_report)
{
    g_autofree char *path = g_build_filename(TEST_CASES, "import", name, NULL);
    g_autoptr(GError) error = NULL;
    json_t *tables = NULL;
    import_file(desk, path, skip_invalid, ret_report, &tables, &error);
    g_assert_no_error(error);
    json_decref(tables);
}

static struct server_row *server_of(struct desk *desk, const char *id)
{
    struct server_row *server = NULL;
    g_assert_true(ledger_load_server(desk->ledger, id, &server, NULL));
    g_assert_nonnull(server);
    return server;
}

static void test_s21_rows_are_what_the_dump_says(struct desk *desk, gconstpointer data)
{
    g_auto(ImportReport) report = {0};
    g_autoptr(AgentRow) agent = NULL;
    import_good(desk, "export.sql", false, &report);
    ledger_load_agent(desk->ledger, "agent-1", &agent, NULL);
    g_assert_cmpstr(agent->name, ==, "Maestro-Host-1");
    g_assert_cmpstr(agent->server_data_path, ==, "/srv/servers");
    g_assert_cmpint(agent->created_at, ==, INT64_C(1700000000000));
    g_autoptr(ServerRow) alpha = server_of(desk, "s1");
    g_assert_cmpint(alpha->status, ==, STATUS_RUNNING);
    g_assert_true(alpha->container_seen);
    g_assert_cmpint(alpha->shown, ==, SHOWN_PRESENT);
    g_assert_cmpint(alpha->data_exists, ==, MAYBE_YES);
    g_assert_nonnull(strstr(alpha->config, "it's; alpha"));
    g_assert_nonnull(strstr(alpha->config, "a\\nb"));
    g_assert_null(alpha->image);
    g_assert_cmpstr(alpha->container, ==, "steam-zomboid-alpha");
    g_autoptr(ServerRow) beta = server_of(desk, "s2");
    g_assert_cmpint(beta->status, ==, STATUS_STOPPED);
    g_assert_cmpstr(beta->image_tag, ==, "old.example:5000/zomboid:v40");
    g_assert_cmpstr(beta->data_dir, ==, "/mnt/fast/beta");
    g_assert_false(beta->container_seen);
    g_autoptr(ServerRow) gamma = server_of(desk, "s3");
    g_assert_cmpint(gamma->status, ==, STATUS_DELETED);
    g_assert_cmpint(gamma->deleted_at, ==, INT64_C(1740830400000));
}

static void test_old_words_and_numbers(struct desk *desk, gconstpointer data)
{
    g_auto(ImportReport) report = {0};
    g_autoptr(AgentRow) agent = NULL;
    import_good(desk, "sqlite_dump.sql", false, &report);
    ledger_load_agent(desk->ledger, "1", &agent, NULL);
    g_assert_cmpint(agent->created_at, ==, INT64_C(1735689600250));
    g_assert_cmpstr(agent->steam_zomboid_registry, ==, "registry.example:5000/zomboid");
    g_autoptr(ServerRow) one = server_of(desk, "7");
    g_assert_cmpstr(one->config, ==, "{\"N\":1,\"T\":true}");
    g_assert_cmpint(one->created_at, ==, NOW);
    g_autoptr(ServerRow) two = server_of(desk, "8");
    g_assert_cmpint(two->status, ==,
                    STATUS_FAILED); /* of a create that nobody ends now */
    g_assert_cmpstr(two->image_tag, ==, "latest");
    g_assert_cmpint(two->udp_port, ==, 5);
    g_autoptr(ServerRow) three = server_of(desk, "9");
    g_assert_cmpint(three->status, ==, STATUS_STOPPED);
    g_assert_null(three->container_id);
}

static void assert_config(struct desk *desk, const char *id, const char *wanted)
{
    g_autoptr(ServerRow) server = server_of(desk, id);
    g_assert_cmpstr(server->config, ==, wanted);
}

static void test_s36_the_newlines_of_exporters(struct desk *desk, gconstpointer data)
{
    static const char *const ids[] = {"s1", "s2", "s3", "s4"};
    g_auto(ImportReport) report = {0};
    import_good(desk, "s36_newlines.sql", false, &report);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
        assert_config(desk, ids[i],
                      "{\"PATH\":\"C:\\\\new\",\"WELCOME\":\"Hi\\nthere\"}");
}

static void test_s36_what_tables_really_have(struct desk *desk, gconstpointer data)
{
    g_auto(ImportReport) report = {0};
    import_good(desk, "s36_schema.sql", false, &report);
    assert_config(
        desk, "7",
        "{\"A\":\"b\",\"C\":\"78\",\"D\":\"1.5\",\"E\":\"bc\",\"MAX_PLAYERS\":8}");
    assert_config(desk, "8", "{\"A\":\"b\\n\",\"B\":\"😀 😀 \\n\"}");
}

static void test_s36_numbers_and_digests(struct desk *desk, gconstpointer data)
{
    g_auto(ImportReport) report = {0};
    import_good(desk, "s36_values.sql", false, &report);
    assert_config(desk, "s1",
                  "{\"BIG\":9223372036854775808,\"XP\":0.1,\"ZOMBIES\":0.35}");
    g_autoptr(ServerRow) server = server_of(desk, "s1");
    g_assert_cmpstr(server->config_names, ==, "[\"BIG\",\"XP\",\"ZOMBIES\"]");
    g_assert_true(g_str_has_prefix(server->image_tag, "latest@sha256:6d9a"));
    g_autoptr(ServerRow) other = server_of(desk, "s2");
    g_assert_cmpstr(other->image, ==, "reg:5000/x");
    g_assert_true(g_str_has_prefix(other->image_tag, "sha256:6d9a"));
}

static void test_a_second_time_changes_nothing(struct desk *desk, gconstpointer data)
{
    g_auto(ImportReport) first = {0};
    g_auto(ImportReport) second = {0};
    import_good(desk, "export.sql", false, &first);
    g_autoptr(GPtrArray) before = all_servers(desk);
    import_good(desk, "export.sql", false, &second);
    g_autoptr(GPtrArray) after = all_servers(desk);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 100, NULL);
    g_assert_cmpint(second.agents + second.servers, ==, 0);
    g_assert_cmpint(second.there, ==, 4);
    g_assert_null(second.last_event_id);
    g_assert_cmpuint(unsent->len, ==, 4);
    g_assert_cmpuint(before->len, ==, after->len);
    for (guint i = 0; i < before->len; i++)
        g_assert_true(row_equal(&table_servers, before->pdata[i], after->pdata[i], 0));
}

static void test_wrong_rows_can_be_left_out(struct desk *desk, gconstpointer data)
{
    g_auto(ImportReport) report = {0};
    import_good(desk, "wrong_rows.sql", true, &report);
    g_assert_cmpint(report.servers, ==, 1);
    g_assert_cmpint(report.skipped, ==, 8);
    g_assert_cmpuint(report.reasons->len, ==, 8);
}

/* --- The log's side ------------------------------------------------------------------------ */

static void tell(struct desk *desk, const struct event *event)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = codec_encode_event(desk->codec, event);
    const struct place place = {0, desk->offset++, NOW + desk->offset * 1000};
    g_assert_true(ledger_begin(desk->ledger, NULL));
    g_assert_true(apply_event(desk->ledger, desk->codec, event, bytes, &place, &error));
    g_assert_no_error(error);
    g_assert_true(ledger_commit(desk->ledger, NULL));
}

static struct event *decoded(struct desk *desk, GBytes *bytes)
{
    struct event *event = NULL;
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_assert_cmpint(codec_decode_event(desk->codec, data, length, &event, NULL), ==,
                    DECODED);
    return event;
}

/* Into this desk's ledger, the Records that wait in that one's. */
static void tell_records(struct desk *desk, struct desk *from)
{
    g_autoptr(GPtrArray) unsent = ledger_unsent(from->ledger, 100, NULL);
    for (guint i = 0; i < unsent->len; i++) {
        const struct outgoing *outgoing = unsent->pdata[i];
        g_autoptr(Event) event = decoded(desk, outgoing->event);
        tell(desk, event);
    }
}

static void test_the_log_alone_brings_them_again(struct desk *desk, gconstpointer data)
{
    struct desk other = {0};
    g_auto(ImportReport) report = {0};
    set_up(&other, NULL);
    import_good(desk, "export.sql", false, &report);
    tell_records(&other, desk);
    tell_records(desk, desk);
    g_autoptr(GPtrArray) ours = all_servers(desk);
    g_autoptr(GPtrArray) theirs = all_servers(&other);
    g_assert_cmpuint(ours->len, ==, 3);
    g_assert_cmpuint(theirs->len, ==, 3);
    for (guint i = 0; i < ours->len; i++) {
        const struct server_row *server = theirs->pdata[i];
        g_assert_true(row_equal(&table_servers, ours->pdata[i], server, COLUMN_LOG));
        g_assert_cmpstr(server->config, ==, "{}"); /* the values are nowhere but here */
    }
    tear_down(&other, NULL);
}

static struct found *found_with(const char *server_id, const char *container_id,
                                const char *name, const char *status)
{
    struct found *found = found_new();
    row_set(&found->server_id, server_id);
    row_set(&found->container_id, container_id);
    row_set(&found->name, name);
    row_set(&found->status, status);
    row_set(&found->image, "registry.example:5000/steam-zomboid:v7");
    return found;
}

/* All partitions of agent-1, with what `fill` adds to each. */
static void tell_syncs(struct desk *desk, void (*fill)(struct sync *sync))
{
    for (int64_t partition = 0; partition < 4; partition++) {
        g_autoptr(Event) event = event_new();
        row_set(&event->agent_id, "agent-1");
        row_set(&event->worker, "agent-1");
        event->sync = sync_new();
        event->sync->complete = true;
        event->sync->partition = partition;
        event->sync->partitions = 4;
        event->sync->chunks = 1;
        fill(event->sync);
        tell(desk, event);
    }
}

static void unmanaged_alpha(struct sync *sync)
{
    static const char id[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    g_ptr_array_add(sync->unmanaged, found_with("", id, "steam-zomboid-alpha", "exited"));
    g_ptr_array_add(sync->unmanaged,
                    found_with("", C1, "steam-zomboid-delta", "running"));
    g_ptr_array_add(sync->unmanaged, found_with("", C2, "steam-zomboid-beta", "running"));
}

static void nothing_at_all(struct sync *sync)
{
}

static void imported(struct desk *desk)
{
    g_auto(ImportReport) report = {0};
    import_good(desk, "export.sql", false, &report);
    tell_records(desk, desk);
}

static void assert_status(struct desk *desk, const char *id, enum server_status status)
{
    g_autoptr(ServerRow) server = server_of(desk, id);
    g_assert_cmpstr(server_status_name(server->status), ==, server_status_name(status));
}

static void test_s21_a_sync_shows_what_is_unmanaged(struct desk *desk, gconstpointer data)
{
    imported(desk);
    tell_syncs(desk, unmanaged_alpha);
    assert_status(desk, "s1", STATUS_STOPPED); /* as it is now, not as it was */
    tell_syncs(desk, nothing_at_all);
    assert_status(desk, "s1", STATUS_MISSING);
    assert_status(desk, "s2", STATUS_STOPPED); /* never had one */
    tell_syncs(desk, unmanaged_alpha);
    assert_status(desk, "s1", STATUS_STOPPED);
}

static struct command *queued_command(struct desk *desk, enum action action,
                                      const char *server_id)
{
    struct request ask = request;
    g_autoptr(GError) error = NULL;
    ask.action = action;
    g_autoptr(Queued)
        queued = request_action(desk->ledger, desk->codec, server_id, &ask, &error);
    g_assert_no_error(error);
    g_assert_nonnull(queued);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 100, NULL);
    const struct outgoing *outgoing = unsent->pdata[unsent->len - 1];
    struct command *command = NULL;
    gsize length;
    const void *bytes = g_bytes_get_data(outgoing->command, &length);
    g_assert_cmpint(codec_decode_command(desk->codec, bytes, length, &command, NULL), ==,
                    DECODED);
    return command;
}

static void tell_done(struct desk *desk, const struct command *command,
                      const char *container_id, const char *digest)
{
    g_autoptr(Event) event = event_new();
    row_set(&event->agent_id, "agent-1");
    row_set(&event->server_id, command->server_id);
    row_set(&event->worker, "agent-1");
    event->cause = g_new0(struct cause, 1);
    event->cause->command_id = g_strdup(command->command_id);
    event->cause->action = g_strdup(command->action);
    event->cause->actor = g_strdup("");
    event->cause->topic = topic_commands("agent-1");
    event->result = result_new();
    event->result->outcome = OUTCOME_DONE;
    event->result->state = state_new();
    event->result->state->status = CONTAINER_RUNNING;
    row_set(&event->result->state->container_id, container_id);
    row_set(&event->result->state->spec_digest, digest);
    tell(desk, event);
}

static void test_s21_adopted_until_a_rebuild(struct desk *desk, gconstpointer data)
{
    g_autoptr(ServerRow) server = NULL;
    imported(desk);
    g_autoptr(Command) start = queued_command(desk, ACTION_START, "s1");
    tell_records(desk, desk);
    server = server_of(desk, "s1");
    g_assert_cmpstr(start->spec->adopt, ==, server->container_id);
    tell_done(desk, start, server->container_id, "");
    g_autoptr(Command) rebuild = queued_command(desk, ACTION_REBUILD, "s1");
    tell_records(desk, desk);
    g_assert_nonnull(rebuild->spec->adopt);
    tell_done(desk, rebuild, C2, rebuild->spec->digest);
    g_autoptr(Command) stop = queued_command(desk, ACTION_STOP, "s1");
    g_assert_null(stop->spec->adopt);
}

/* --- What is no server's ---------------------------------------------------------------------- */

static char *found_text(struct desk *desk)
{
    GString *text = g_string_new("");
    g_autoptr(GPtrArray) rows = ledger_found(desk->ledger, "agent-1", 7, NULL);
    g_assert_nonnull(rows);
    for (guint i = 0; i < rows->len; i++) {
        const struct found_row *row = rows->pdata[i];
        g_string_append_printf(text, "%s%s %s %s", i ? ", " : "", row->kind, row->name,
                               row->server_id ? row->server_id : "-");
    }
    return g_string_free(text, FALSE);
}

static void s3_twice(struct sync *sync)
{
    if (sync->partition != partition_of("s3", 4))
        return;
    struct state *state = state_new();
    state->status = CONTAINER_RUNNING;
    row_set(&state->container_id, C1);
    row_set(&state->container, "steam-zomboid-gamma");
    g_ptr_array_add(sync->servers, listed_new("s3", state));
    g_ptr_array_add(sync->extra, found_with("s3", C2, "gamma-copy", "exited"));
}

static void test_s23_extras_and_orphans_are_told(struct desk *desk, gconstpointer data)
{
    imported(desk);
    tell_syncs(desk, unmanaged_alpha);
    g_autofree char *unmanaged = found_text(desk);
    g_assert_cmpstr(unmanaged, ==,
                    "unmanaged steam-zomboid-alpha s1, unmanaged steam-zomboid-delta -, "
                    "unmanaged steam-zomboid-beta -");
    tell_syncs(desk, s3_twice);
    g_autofree char *labelled = found_text(desk);
    g_assert_cmpstr(labelled, ==, "extra gamma-copy s3, orphan steam-zomboid-gamma s3");
}

static struct server_row *draft(void)
{
    struct server_row *server = server_row_new();
    row_set(&server->agent_id, "agent-1");
    row_set(&server->profile, "zomboid");
    server->game_port = 1;
    server->udp_port = 2;
    server->rcon_port = 3;
    return server;
}

static void test_s21_adopt_makes_a_record(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerRow) wanted = draft();
    imported(desk);
    tell_syncs(desk, unmanaged_alpha);
    g_autoptr(Queued) queued = adopt(desk->ledger, desk->codec, wanted,
                                     "steam-zomboid-delta", &request, &error);
    g_assert_no_error(error);
    tell_records(desk, desk);
    g_autoptr(ServerRow) server = server_of(desk, queued->server_id);
    g_assert_cmpstr(server->name, ==, "delta");
    g_assert_cmpint(server->status, ==, STATUS_RUNNING);
    g_assert_cmpstr(server->image_tag, ==, "v7");
    g_assert_null(server->image); /* the agent's registry is it */
    g_assert_cmpstr(server->container_id, ==, C1);
    tell_syncs(desk, unmanaged_alpha);
    assert_status(desk, server->id, STATUS_RUNNING);
}

/* The record is older than the container: somebody made it anew by hand. */
static void test_s21_adopt_again(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerRow) wanted = draft();
    imported(desk);
    tell_syncs(desk, unmanaged_alpha);
    g_autoptr(Queued)
        queued = adopt(desk->ledger, desk->codec, wanted, C2, &request, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(queued->server_id, ==, "s2");
    tell_records(desk, desk);
    g_autoptr(ServerRow) server = server_of(desk, "s2");
    g_assert_cmpint(server->status, ==, STATUS_RUNNING);
    g_assert_cmpint(server->game_port, ==, 16271);
    g_assert_cmpstr(server->container_id, ==, C2);
    g_autoptr(Command) stop = queued_command(desk, ACTION_STOP, "s2");
    g_assert_cmpstr(stop->spec->adopt, ==, C2);
}

static void test_adopt_is_refused(struct desk *desk, gconstpointer data)
{
    static const struct {
        const char *container, *says;
    } rows[] = {
        {"nobody", "no unmanaged container nobody"},
        {"c1c1", "no unmanaged container c1c1"},
        {"steam-zomboid-alpha", "is server s1's already"},
    };
    imported(desk);
    tell_syncs(desk, unmanaged_alpha);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(ServerRow) wanted = draft();
        g_assert_null(adopt(desk->ledger, desk->codec, wanted, rows[i].container,
                            &request, &error));
        g_assert_nonnull(strstr(error->message, rows[i].says));
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerRow) wanted = draft();
    row_set(&wanted->profile, "minecraft");
    g_assert_null(adopt(desk->ledger, desk->codec, wanted, C1, &request, &error));
    g_assert_nonnull(strstr(error->message, "is not named as the profile names them"));
}

/* --- Pages -------------------------------------------------------------------------------------- */

static void test_pages_hold_each_server_once(struct desk *desk, gconstpointer data)
{
    static const enum server_status statuses[] = {STATUS_NONE, STATUS_STOPPED};
    static const char *const agents[] = {NULL, "agent-1"};
    imported(desk);
    for (size_t i = 0; i < 4; i++) {
        struct server_filter filter = {.agent_id = agents[i / 2],
                                       .status = statuses[i % 2],
                                       .partition = CONTRACT_NONE};
        g_autoptr(GPtrArray) all = ledger_servers(desk->ledger, &filter, false, NULL);
        g_autoptr(ServerRow) last = NULL;
        filter.limit = 1;
        for (guint at = 0; at <= all->len; at++) {
            filter.after = last;
            g_autoptr(GPtrArray)
                page = ledger_servers(desk->ledger, &filter, false, NULL);
            g_assert_cmpuint(page->len, ==, at < all->len);
            if (at == all->len)
                break;
            g_assert_true(row_equal(&table_servers, page->pdata[0], all->pdata[at], 0));
            server_row_free(last);
            last = server_row_dup(page->pdata[0]);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(struct desk *desk, gconstpointer data);
    } tests[] = {
        {"/import/dumps", test_dumps},
        {"/import/s21_rows_are_what_the_dump_says", test_s21_rows_are_what_the_dump_says},
        {"/import/old_words_and_numbers", test_old_words_and_numbers},
        {"/import/s36_the_newlines_of_exporters", test_s36_the_newlines_of_exporters},
        {"/import/s36_what_tables_really_have", test_s36_what_tables_really_have},
        {"/import/s36_numbers_and_digests", test_s36_numbers_and_digests},
        {"/import/a_second_time_changes_nothing", test_a_second_time_changes_nothing},
        {"/import/wrong_rows_can_be_left_out", test_wrong_rows_can_be_left_out},
        {"/import/the_log_alone_brings_them_again", test_the_log_alone_brings_them_again},
        {"/import/s21_a_sync_shows_what_is_unmanaged",
         test_s21_a_sync_shows_what_is_unmanaged},
        {"/import/s21_adopted_until_a_rebuild", test_s21_adopted_until_a_rebuild},
        {"/found/s23_extras_and_orphans_are_told", test_s23_extras_and_orphans_are_told},
        {"/adopt/s21_makes_a_record", test_s21_adopt_makes_a_record},
        {"/adopt/s21_again", test_s21_adopt_again},
        {"/adopt/is_refused", test_adopt_is_refused},
        {"/list/pages_hold_each_server_once", test_pages_hold_each_server_once},
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, struct desk, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
