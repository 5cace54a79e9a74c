/*
 * test_remark.c - what is said of a server beside its status.
 */
#include "remark.h"

#include <glib.h>

/* "drift no_data": the words of what is remarked, in order. */
static char *words_of(const struct remark_facts *facts)
{
    GString *words = g_string_new("");
    const unsigned remarks = remark_judge(facts);
    for (unsigned i = 0; i < REMARK_COUNT; i++)
        if (remarks & 1U << i)
            g_string_append_printf(words, "%s%s", words->len ? " " : "",
                                   remark_word((enum remark)i));
    return g_string_free(words, FALSE);
}

/* One that a person has started, and of which there is nothing to say. */
static struct server_row *running_server(void)
{
    struct server_row *server = server_row_new();
    server->status = server->settled_status = STATUS_RUNNING;
    server->container_status = CONTAINER_RUNNING;
    server->shown = SHOWN_PRESENT;
    server->data_exists = MAYBE_YES;
    row_set(&server->last_action, "start");
    row_set(&server->last_outcome, "done");
    return server;
}

static void end(struct server_row *server)
{
    server->status = server->settled_status = STATUS_STOPPED;
    server->container_status = CONTAINER_EXITED;
    server->exit_code = 1;
    server->started_at = 10000;
    server->finished_at = 12500;
}

static void miss(struct server_row *server)
{
    server->status = STATUS_MISSING;
    server->shown = SHOWN_ABSENT;
}

static void check(const struct remark_facts *facts, const char *words)
{
    g_autofree char *said = words_of(facts);
    g_assert_cmpstr(said, ==, words);
}

/* --- The container ------------------------------------------------------------------- */

static void be_sick(struct server_row *server)
{
    row_set(&server->health, "unhealthy");
}

static void be_killed(struct server_row *server)
{
    end(server);
    server->oom_killed = true;
}

static void be_killed_and_back(struct server_row *server)
{
    server->oom_killed = true;
}

static void loop(struct server_row *server)
{
    server->restart_count = 4;
    server->started_at = INT64_C(1700000000000);
    row_set(&server->container_remarks, "restarting");
}

static void loop_for_memory(struct server_row *server)
{
    loop(server);
    row_set(&server->container_remarks, "restarting oom_killed half_asleep");
}

static void loop_and_be_rebuilt(struct server_row *server)
{
    loop_for_memory(server);
    server->status = STATUS_REBUILDING;
}

static void be_stopped(struct server_row *server)
{
    end(server);
    row_set(&server->last_action, "stop");
    server->meant_to_run = false;
}

static void be_imported(struct server_row *server)
{
    end(server);
    row_set(&server->last_action, "");
    row_set(&server->last_outcome, "");
}

static void be_sick_and_missing(struct server_row *server)
{
    be_sick(server);
    miss(server);
}

static void be_restored(struct server_row *server)
{
    server->status = server->settled_status = STATUS_STOPPED;
    server->container_status = CONTAINER_CREATED;
}

static void be_rebuilt_after_end(struct server_row *server)
{
    end(server);
    server->status = STATUS_REBUILDING;
}

/* S26: the only container of it was set aside. */
static void be_set_aside(struct server_row *server)
{
    server->container_seen = true;
    server->shown = SHOWN_NOTHING;
    server->container_status = CONTAINER_UNKNOWN;
}

static void drift(struct server_row *server)
{
    server->drift = true;
    server->data_gone = true;
}

static void be_adopted(struct server_row *server)
{
    server->shown = SHOWN_PRESENT;
    row_set(&server->container_spec, "");
    row_set(&server->data_dir, "/srv/a");
    row_set(
        &server->container_mounts,
        "[{\"type\":\"bind\",\"name\":\"\",\"source\":\"/srv/a/data\",\"container_path\":"
        "\"/a\",\"read_only\":false},{\"type\":\"volume\",\"name\":\"v\",\"source\":\"\","
        "\"container_path\":\"/b\",\"read_only\":false}]");
}

static void fail(struct server_row *server)
{
    row_set(&server->last_outcome, "failed");
}

static void be_purged(struct server_row *server)
{
    server->status = server->settled_status = STATUS_PURGED;
    server->shown = SHOWN_NOTHING;
    server->data_exists = MAYBE_NO;
}

static void nothing(struct server_row *server)
{
}

static void test_s32_container(void)
{
    static const struct {
        void (*change)(struct server_row *server);
        const char *words;
    } rows[] = {
        {nothing, ""},
        {be_sick, "unhealthy"},
        {be_killed, "oom_killed exited"},
        {be_killed_and_back, "oom_killed"},
        {end, "exited"},
        {loop, "restarting"},
        {loop_for_memory, "restarting oom_killed"},
        {loop_and_be_rebuilt, ""},
        {be_stopped, ""},
        {be_imported, ""},
        {be_sick_and_missing, ""},
        {be_restored, ""},
        {be_rebuilt_after_end, ""},
        {be_set_aside, "not_known"},
        {drift, "no_data drift"},
        {be_adopted, "data_elsewhere"},
        {fail, "last_failed"},
        {be_purged, ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) server = running_server();
        const struct remark_facts facts = {.server = server, .online = MAYBE_YES};
        rows[i].change(server);
        check(&facts, rows[i].words);
    }
}

/* --- The agent ------------------------------------------------------------------------ */

static void test_agent(void)
{
    static const struct {
        bool missing, mass;
        enum maybe online;
        enum heal heal;
        const char *words;
        bool not_read;
    } rows[] = {
        {false, false, MAYBE_NO, HEAL_NOT_MISSING, "agent_offline"},
        {false, false, MAYBE_UNKNOWN, HEAL_NOT_MISSING, ""},
        {false, true, MAYBE_YES, HEAL_NOT_MISSING, ""},
        {true, false, MAYBE_YES, HEAL_NOT_ASKED, ""},
        {true, true, MAYBE_YES, HEAL_NOT_ASKED, "mass_absence"},
        {true, true, MAYBE_YES, HEAL_MASS, "mass_absence"},
        {true, false, MAYBE_YES, HEAL_NO_DATA, "not_healed"},
        {true, false, MAYBE_YES, HEAL_WAITS, "healing"},
        {true, false, MAYBE_YES, HEAL_BUSY, ""},
        {false, false, MAYBE_YES, HEAL_NOT_MISSING, "not_read", true},
        {true, false, MAYBE_YES, HEAL_NOT_READ, "not_read", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) server = running_server();
        const struct remark_facts facts = {server, rows[i].online, rows[i].mass,
                                           rows[i].heal, rows[i].not_read};
        if (rows[i].missing)
            miss(server);
        check(&facts, rows[i].words);
    }
}

/* --- The sentences --------------------------------------------------------------------- */

static void test_s32_says_how_it_ended(void)
{
    g_autoptr(ServerRow) server = running_server();
    const struct remark_facts facts = {.server = server};
    end(server);
    g_autofree char *brief = remark_brief(REMARK_EXITED, &facts);
    g_autofree char *sentence = remark_sentence(REMARK_EXITED, &facts);
    g_assert_cmpstr(brief, ==, "exited: exit code 1, 2 s after its start");
    g_assert_cmpstr(
        sentence, ==,
        "It was made to run, and has ended without having been asked to: exit "
        "code 1, 2 s after its start; its log tells more.");
}

static void test_s32_says_how_often(void)
{
    g_autoptr(ServerRow) server = running_server();
    const struct remark_facts facts = {.server = server};
    loop(server);
    g_autofree char *brief = remark_brief(REMARK_RESTARTING, &facts);
    g_assert_cmpstr(brief, ==,
                    "restarting: 4 times, the last seen at 2023-11-14 22:13:20 UTC");
}

/* Every word is one, and every remark has something to say. */
static void test_table(void)
{
    g_autoptr(GHashTable) words = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(ServerRow) server = running_server();
    const struct remark_facts facts = {.server = server};
    for (unsigned i = 0; i < REMARK_COUNT; i++) {
        g_autofree char *brief = remark_brief((enum remark)i, &facts);
        g_autofree char *sentence = remark_sentence((enum remark)i, &facts);
        g_assert_nonnull(brief);
        g_assert_true(g_hash_table_add(words, (char *)remark_word((enum remark)i)));
        g_assert_true(g_str_has_suffix(sentence, ".") || i == REMARK_LAST_FAILED);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/remark/s32_container", test_s32_container);
    g_test_add_func("/remark/agent", test_agent);
    g_test_add_func("/remark/s32_says_how_it_ended", test_s32_says_how_it_ended);
    g_test_add_func("/remark/s32_says_how_often", test_s32_says_how_often);
    g_test_add_func("/remark/table", test_table);
    return g_test_run();
}
