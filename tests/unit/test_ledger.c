/*
 * test_ledger.c - the ledger as a database: what it opens, what it refuses, what it keeps.
 */
#include "ledger.h"

#include "ledger_log.h"
#include "ledger_rows.h"
#include "remark.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

struct place_at {
    char *directory;
    char *path;
};

static void set_up(struct place_at *at, gconstpointer data)
{
    at->directory = g_dir_make_tmp("ledger-XXXXXX", NULL);
    at->path = g_build_filename(at->directory, "ledger.db", NULL);
}

static void tear_down(struct place_at *at, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(at->directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(at->directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(at->directory);
    g_free(at->directory);
    g_free(at->path);
}

static struct ledger *make(struct place_at *at)
{
    g_autoptr(GError) error = NULL;
    struct ledger *ledger = ledger_make(at->path, &error);
    g_assert_no_error(error);
    return ledger;
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

/* --- Opening ------------------------------------------------------------------------------ */

static void test_made_for_its_owner_alone(struct place_at *at, gconstpointer data)
{
    struct stat file;
    g_autoptr(Ledger) ledger = make(at);
    g_assert_nonnull(ledger);
    g_assert_cmpint(g_stat(at->path, &file), ==, 0);
    g_assert_cmpint(file.st_mode & 0777, ==, 0600);
    g_autofree char *wal = g_strconcat(at->path, "-wal", NULL);
    g_assert_cmpint(g_stat(wal, &file), ==, 0);
    g_assert_cmpint(file.st_mode & 0777, ==, 0600);
}

static void test_made_twice_is_made_once(struct place_at *at, gconstpointer data)
{
    g_autoptr(GBytes) first = NULL;
    g_autoptr(GBytes) second = NULL;
    struct ledger *ledger = make(at);
    g_assert_true(ledger_get_meta(ledger, META_SECRET, &first, NULL));
    ledger_close(ledger);
    ledger = make(at);
    g_assert_true(ledger_get_meta(ledger, META_SECRET, &second, NULL));
    ledger_close(ledger);
    g_assert_cmpuint(g_bytes_get_size(first), ==, 32);
    g_assert_true(g_bytes_equal(first, second));
}

static void assert_refused(struct place_at *at, enum ledger_error code, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(ledger_open(at->path, &error));
    g_assert_error(error, LEDGER_ERROR, (int)code);
    if (!strstr(error->message, says))
        g_error("says \"%s\", not \"%s\"", error->message, says);
}

static void test_none_there(struct place_at *at, gconstpointer data)
{
    assert_refused(at, LEDGER_ERROR_NONE_THERE, "muster init");
    g_assert_false(g_file_test(at->path, G_FILE_TEST_EXISTS));
}

static void test_not_a_database(struct place_at *at, gconstpointer data)
{
    g_assert_true(
        g_file_set_contents(at->path, "hello, this is some text, long enough", -1, NULL));
    assert_refused(at, LEDGER_ERROR_NOT_OURS, "not a database");
    g_autoptr(GError) error = NULL;
    g_assert_null(ledger_make(at->path, &error));
    g_assert_error(error, LEDGER_ERROR, LEDGER_ERROR_NOT_OURS);
}

static void test_another_programs_database(struct place_at *at, gconstpointer data)
{
    run_sql(at->path, "CREATE TABLE agents (id TEXT); PRAGMA user_version = 1");
    assert_refused(at, LEDGER_ERROR_NOT_OURS, "other program");
    g_autoptr(GError) error = NULL;
    g_assert_null(ledger_make(at->path, &error));
    g_assert_error(error, LEDGER_ERROR, LEDGER_ERROR_NOT_OURS);
}

static void test_an_empty_file(struct place_at *at, gconstpointer data)
{
    g_assert_true(g_file_set_contents(at->path, "", 0, NULL));
    assert_refused(at, LEDGER_ERROR_NOT_OURS, "muster init");
}

static void test_a_newer_musters(struct place_at *at, gconstpointer data)
{
    ledger_close(make(at));
    run_sql(at->path, "PRAGMA user_version = 1000");
    assert_refused(at, LEDGER_ERROR_NOT_OURS, "newer muster");
}

static void test_a_damaged_one(struct place_at *at, gconstpointer data)
{
    g_autofree char *bytes = NULL;
    gsize length;
    ledger_close(make(at));
    run_sql(at->path, "PRAGMA wal_checkpoint(TRUNCATE)");
    g_assert_true(g_file_get_contents(at->path, &bytes, &length, NULL));
    memset(bytes + 8192, 0x5a, length - 8192);
    g_assert_true(g_file_set_contents(at->path, bytes, (gssize)length, NULL));
    assert_refused(at, LEDGER_ERROR_NOT_OURS, "backup");
}

/* --- Rows ---------------------------------------------------------------------------------- */

/* A value in every column that no other column has. */
static void fill_row(const struct table *table, void *row)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        void *field = (char *)row + column->offset;
        switch (column->kind) {
        case COLUMN_TEXT:
        case COLUMN_TEXT_OPTIONAL: {
            g_autofree char *text = g_strdup_printf("%s-ä-%zu", column->name, i);
            row_set(field, text);
            break;
        }
        case COLUMN_INTEGER:
        case COLUMN_INTEGER_OPTIONAL:
            *(int64_t *)field = INT64_C(5000000000) + (int64_t)i;
            break;
        case COLUMN_BOOL:
            *(bool *)field = true;
            break;
        case COLUMN_MAYBE:
            *(enum maybe *)field = MAYBE_NO;
            break;
        case COLUMN_STATUS:
            *(enum server_status *)field = STATUS_REBUILDING;
            break;
        case COLUMN_CONTAINER:
            *(enum container_status *)field = CONTAINER_PAUSED;
            break;
        case COLUMN_SHOWN:
            *(enum shown *)field = SHOWN_ABSENT;
            break;
        }
    }
}

static void store_agent(struct ledger *ledger)
{
    g_autoptr(AgentRow) agent = agent_row_new();
    row_set(&agent->id, "a1");
    row_set(&agent->name, "host1");
    agent->partitions = 4;
    g_assert_true(ledger_store_agent(ledger, agent, NULL));
}

static void test_every_column_comes_back(struct place_at *at, gconstpointer data)
{
    g_autoptr(Ledger) ledger = make(at);
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerRow) server = server_row_new();
    g_autoptr(ServerRow) empty = server_row_new();
    store_agent(ledger);
    fill_row(&table_servers, server);
    row_set(&server->agent_id, "a1");
    row_set(&empty->agent_id, "a1");
    row_set(&empty->id, "s0");
    empty->status = empty->settled_status = STATUS_CREATING;
    struct server_row *const rows[] = {server, empty};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) back = NULL;
        g_assert_true(ledger_store_server(ledger, rows[i], &error));
        g_assert_no_error(error);
        g_assert_true(ledger_load_server(ledger, rows[i]->id, &back, &error));
        g_assert_true(row_equal(&table_servers, rows[i], back, 0));
    }
}

static void test_a_server_needs_its_agent(struct place_at *at, gconstpointer data)
{
    g_autoptr(Ledger) ledger = make(at);
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerRow) server = server_row_new();
    fill_row(&table_servers, server);
    g_assert_false(ledger_store_server(ledger, server, &error));
    g_assert_error(error, LEDGER_ERROR, LEDGER_ERROR_FAILED);
}

static void test_secrets_are_not_shown(struct place_at *at, gconstpointer data)
{
    g_autoptr(ServerRow) server = server_row_new();
    row_set(&server->config, "{\"PASSWORD\":\"geheim\"}");
    json_auto_t *json = row_to_json(&table_servers, server);
    g_autofree char *text = json_dumps(json, 0);
    g_assert_null(strstr(text, "geheim"));
    g_assert_null(json_object_get(json, "config"));
}

static void test_a_purged_ones_name_is_free(struct place_at *at, gconstpointer data)
{
    g_autoptr(Ledger) ledger = make(at);
    g_autoptr(ServerRow) server = server_row_new();
    g_autoptr(ServerRow) found = NULL;
    g_autoptr(ServerRow) none = NULL;
    store_agent(ledger);
    fill_row(&table_servers, server);
    row_set(&server->agent_id, "a1");
    row_set(&server->name, "alpha");
    server->settled_status = STATUS_DELETED;
    g_assert_true(ledger_store_server(ledger, server, NULL));
    g_assert_true(ledger_find_server(ledger, "a1", "alpha", &found, NULL));
    g_assert_nonnull(found);
    server->settled_status = STATUS_PURGED;
    g_assert_true(ledger_store_server(ledger, server, NULL));
    g_assert_true(ledger_find_server(ledger, "a1", "alpha", &none, NULL));
    g_assert_null(none);
}

/* What remark.c has something to say of is found without reading all of a large fleet: who adds
 * a remark adds it to `remarkable` in ledger.sql. */
static void test_what_is_remarked_is_found(struct place_at *at, gconstpointer data)
{
    static const char *const columns[] = {
        "status = 'missing'",
        "status = 'missing'",
        "status = 'missing'",
        "container_seen = 1, shown = 0, container_status = 'unknown'",
        "container_remarks = 'restarting', shown = 1, status = 'running'",
        "container_remarks = 'oom_killed', shown = 1, status = 'running'",
        "oom_killed = 1, shown = 1, status = 'stopped'",
        "health = 'unhealthy', shown = 1, status = 'running'",
        "container_status = 'exited', shown = 1, status = 'stopped', last_action = 'start'",
        "data_exists = 0, data_gone = 1",
        ("shown = 1, container_mounts = '[{\"type\": \"bind\", \"source\": \"/x\", "
         "\"container_path\": \"/x\"}]'"),
        "drift = 1",
        "last_outcome = 'failed'",
    };
    static const enum heal heals[G_N_ELEMENTS(columns)] = {HEAL_MASS, HEAL_NO_DATA,
                                                           HEAL_WAITS};
    const struct server_filter filter = {.partition = CONTRACT_NONE, .remarkable = true};
    unsigned said = 1U << REMARK_AGENT_OFFLINE |
                    1U << REMARK_NOT_READ; /* true of all of an agent */
    g_autoptr(Ledger) ledger = make(at);
    g_autoptr(ServerRow) server = server_row_new();
    store_agent(ledger);
    row_set(&server->id, "s1");
    row_set(&server->agent_id, "a1");
    server->shown = SHOWN_PRESENT;
    server->meant_to_run = true;
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        g_autofree char *sql = g_strdup_printf("UPDATE servers SET %s", columns[i]);
        server->status = server->settled_status = STATUS_RUNNING;
        g_assert_true(ledger_store_server(ledger, server, NULL));
        g_autoptr(GPtrArray) none = ledger_servers(ledger, &filter, false, NULL);
        g_assert_cmpuint(none->len, ==, 0);
        run_sql(at->path, sql);
        g_autoptr(GPtrArray) found = ledger_servers(ledger, &filter, false, NULL);
        g_assert_cmpuint(found->len, ==, 1);
        const struct remark_facts facts = {found->pdata[0], MAYBE_YES,
                                           heals[i] == HEAL_MASS, heals[i]};
        g_test_message("%s", columns[i]);
        g_assert_cmpuint(remark_judge(&facts), !=, 0);
        said |= remark_judge(&facts);
    }
    g_assert_cmpuint(said, ==, (1U << REMARK_COUNT) - 1); /* one of each was there */
}

/* --- Outbox, positions ------------------------------------------------------------------------ */

static void queue(struct ledger *ledger, const char *event_id, const char *agent_id)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static("bytes", 5);
    struct outgoing outgoing = {
        .event_id = (char *)event_id,
        .agent_id = (char *)agent_id,
        .command_id = (char *)"c",
        .topic = (char *)"muster.commands.a1",
        .partition = 3,
        .key = (char *)"s1",
        .command = bytes,
        .event = bytes,
        .event_key = (char *)"s1",
    };
    g_assert_true(ledger_queue(ledger, &outgoing, NULL));
}

static char *unsent_ids(struct ledger *ledger)
{
    g_autoptr(GPtrArray) unsent = ledger_unsent(ledger, 100, NULL);
    GString *ids = g_string_new("");
    for (guint i = 0; i < unsent->len; i++)
        g_string_append(ids, ((struct outgoing *)unsent->pdata[i])->event_id);
    return g_string_free(ids, FALSE);
}

static void assert_unsent(struct ledger *ledger, const char *wanted)
{
    g_autofree char *ids = unsent_ids(ledger);
    g_assert_cmpstr(ids, ==, wanted);
}

static void test_outbox_keeps_order(struct place_at *at, gconstpointer data)
{
    g_autoptr(Ledger) ledger = make(at);
    store_agent(ledger);
    queue(ledger, "1", "a1");
    queue(ledger, "2", "a2");
    queue(ledger, "3", "a1");
    assert_unsent(ledger, "123");
    g_assert_true(ledger_mark_sent(ledger, "2", 1, NULL));
    assert_unsent(ledger, "13");
    g_assert_true(ledger_hold(ledger, "a1", "its topic has grown", true, NULL));
    assert_unsent(ledger, "13");
    g_assert_true(ledger_hold(ledger, "a1", "its topic is gone", false, NULL));
    assert_unsent(ledger, "");
    g_assert_true(ledger_lift(ledger, "another", NULL));
    assert_unsent(ledger, "");
    g_assert_true(ledger_lift(ledger, NULL, NULL));
    assert_unsent(ledger, "13");
    g_assert_true(ledger_confirm(ledger, "1", NULL));
    assert_unsent(ledger, "3");
}

static void test_positions(struct place_at *at, gconstpointer data)
{
    g_autoptr(Ledger) ledger = make(at);
    int64_t next = 0;
    g_assert_true(ledger_position(ledger, 7, &next, NULL));
    g_assert_cmpint(next, ==, -1);
    g_assert_true(ledger_set_position(ledger, 7, 12, NULL));
    g_assert_true(ledger_set_position(ledger, 7, 13, NULL));
    g_assert_true(ledger_position(ledger, 7, &next, NULL));
    g_assert_cmpint(next, ==, 13);
}

static void test_rollback_leaves_nothing(struct place_at *at, gconstpointer data)
{
    g_autoptr(Ledger) ledger = make(at);
    int64_t next = 0;
    g_assert_true(ledger_begin(ledger, NULL));
    g_assert_true(ledger_set_position(ledger, 7, 12, NULL));
    queue(ledger, "1", "a1");
    ledger_rollback(ledger);
    g_assert_true(ledger_position(ledger, 7, &next, NULL));
    g_assert_cmpint(next, ==, -1);
    assert_unsent(ledger, "");
}

/* Columns that are the same in both are not written: here they lie otherwise in the ledger. */
static void test_what_has_changed_is_written(struct place_at *at, gconstpointer data)
{
    g_autoptr(Ledger) ledger = make(at);
    g_autoptr(AgentRow) lies = agent_row_new();
    row_set(&lies->id, "a");
    row_set(&lies->name, "as it lies");
    lies->partitions = 4;
    g_assert_true(ledger_update(ledger, &table_agents, NULL, lies, NULL));
    g_autoptr(AgentRow) before = agent_row_dup(lies);
    row_set(&before->name, "as both have it");
    g_autoptr(AgentRow) after = agent_row_dup(before);
    after->last_event_at = 7;
    g_assert_true(ledger_update(ledger, &table_agents, before, after, NULL));
    g_assert_true(ledger_update(ledger, &table_agents, after, after, NULL));
    g_autoptr(AgentRow) found = NULL;
    g_assert_true(ledger_load_agent(ledger, "a", &found, NULL));
    g_assert_cmpstr(found->name, ==, "as it lies");
    g_assert_cmpint(found->last_event_at, ==, 7);
    g_assert_cmpint(found->partitions, ==, 4);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(struct place_at *at, gconstpointer data);
    } tests[] = {
        {"/ledger/made_for_its_owner_alone", test_made_for_its_owner_alone},
        {"/ledger/made_twice_is_made_once", test_made_twice_is_made_once},
        {"/ledger/none_there", test_none_there},
        {"/ledger/not_a_database", test_not_a_database},
        {"/ledger/another_programs_database", test_another_programs_database},
        {"/ledger/an_empty_file", test_an_empty_file},
        {"/ledger/a_newer_musters", test_a_newer_musters},
        {"/ledger/a_damaged_one", test_a_damaged_one},
        {"/ledger/every_column_comes_back", test_every_column_comes_back},
        {"/ledger/what_has_changed_is_written", test_what_has_changed_is_written},
        {"/ledger/a_server_needs_its_agent", test_a_server_needs_its_agent},
        {"/ledger/secrets_are_not_shown", test_secrets_are_not_shown},
        {"/ledger/a_purged_ones_name_is_free", test_a_purged_ones_name_is_free},
        {"/ledger/what_is_remarked_is_found", test_what_is_remarked_is_found},
        {"/ledger/outbox_keeps_order", test_outbox_keeps_order},
        {"/ledger/positions", test_positions},
        {"/ledger/rollback_leaves_nothing", test_rollback_leaves_nothing},
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, struct place_at, NULL, set_up, tests[i].test,
                   tear_down);
    return g_test_run();
}
