/*
 * test_heal.c - when a missing server is started without a person, and who can be reached.
 */
#include "heal.h"
#include "reach.h"

#include <glib.h>

#define MISSING_AT INT64_C(1000000)
#define SECOND     INT64_C(1000)
#define MINUTE     (60 * SECOND)

static struct server_row *missing_server(void)
{
    struct server_row *server = server_row_new();
    server->status = STATUS_MISSING;
    server->missing_since = MISSING_AT;
    server->data_exists = MAYBE_YES;
    row_set(&server->on_missing, "start");
    return server;
}

/* What is asked for where. */
static void test_asked(void)
{
    static const struct {
        const char *agent, *server;
        bool asked;
    } rows[] = {
        {"show", NULL, false},     {"start", NULL, true}, {"show", "start", true},
        {"start", "show", false},  {"", NULL, false},     {"start", "start", true},
        {"nonsense", NULL, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(AgentRow) agent = agent_row_new();
        g_autoptr(ServerRow) server = server_row_new();
        row_set(&agent->on_missing, rows[i].agent);
        row_set(&server->on_missing, rows[i].server);
        g_assert_cmpint(heal_is_asked(server, agent), ==, rows[i].asked);
    }
}

/* Each row changes one thing of a server that would be started. */
static void test_decides(void)
{
    static const struct {
        enum server_status status;
        const char *on_missing;
        bool meant, open, mass;
        enum maybe online, data;
        int attempts;
        int64_t after_ms;
        enum heal heal;
        bool not_read;
    } rows[] = {
#define ROW(status, on, meant, open, mass, online, data, attempts, after, heal) \
 {STATUS_##status, on,           meant,    open,  mass,                         \
  MAYBE_##online,  MAYBE_##data, attempts, after, HEAL_##heal}
        ROW(MISSING, "start", true, false, false, YES, YES, 0, MINUTE, STARTS),
        ROW(RUNNING, "start", true, false, false, YES, YES, 0, MINUTE, NOT_MISSING),
        ROW(DELETED, "start", false, false, false, YES, YES, 0, MINUTE, NOT_MISSING),
        ROW(FAILED, "start", true, false, false, YES, YES, 0, MINUTE, NOT_MISSING),
        ROW(MISSING, "show", true, false, false, YES, YES, 0, MINUTE, NOT_ASKED),
        ROW(MISSING, NULL, true, false, false, YES, YES, 0, MINUTE, NOT_ASKED),
        ROW(MISSING, "start", false, false, false, YES, YES, 0, MINUTE, NOT_MEANT),
        ROW(MISSING, "start", true, true, false, YES, YES, 0, MINUTE, BUSY),
        ROW(MISSING, "start", true, false, true, YES, YES, 0, MINUTE, MASS),
        ROW(MISSING, "start", true, false, false, NO, YES, 0, MINUTE, OFFLINE),
        ROW(MISSING, "start", true, false, false, UNKNOWN, YES, 0, MINUTE, OFFLINE),
        ROW(MISSING, "start", true, false, false, YES, NO, 0, MINUTE, NO_DATA),
        ROW(MISSING, "start", true, false, false, YES, UNKNOWN, 0, MINUTE, NO_DATA),
        ROW(MISSING, "start", true, false, false, YES, YES, 5, 100 * MINUTE, GAVE_UP),
        ROW(MISSING, "start", true, false, false, YES, YES, 9, 100 * MINUTE, GAVE_UP),
        {STATUS_MISSING, "start", true, false, false, MAYBE_YES, MAYBE_YES, 0, MINUTE,
         HEAL_NOT_READ, true},
#undef ROW
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) server = missing_server();
        g_autoptr(AgentRow) agent = agent_row_new();
        struct heal_facts facts = {server,          agent,
                                   rows[i].online,  rows[i].attempts,
                                   CONTRACT_NONE,   MISSING_AT + rows[i].after_ms,
                                   rows[i].not_read};
        int64_t due_at = -1;
        server->status = rows[i].status;
        server->data_exists = rows[i].data;
        server->data_gone = rows[i].data == MAYBE_NO;
        row_set(&server->on_missing, rows[i].on_missing);
        server->meant_to_run = rows[i].meant;
        if (rows[i].open)
            server_row_add_open(server, "c", ACTION_STOP, false);
        if (rows[i].mass)
            agent->mass_absence_at = MISSING_AT;
        enum heal heal = heal_decide(&facts, &due_at);
        g_assert_cmpstr(heal_sentence(heal), ==, heal_sentence(rows[i].heal));
        g_assert_cmpint(heal, ==, rows[i].heal);
        g_assert_cmpint(due_at, ==, -1);
    }
}

/* 10 s, 1 m, 5 m, 30 m, 30 m: after it turned missing, or after the last attempt. */
static void test_backs_off(void)
{
    static const int64_t delays[] = {10 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE,
                                     30 * MINUTE};
    static const int64_t lasts[] = {CONTRACT_NONE, MISSING_AT - MINUTE,
                                    MISSING_AT + MINUTE};
    G_STATIC_ASSERT(G_N_ELEMENTS(delays) == HEAL_ATTEMPTS);
    for (size_t i = 0; i < G_N_ELEMENTS(delays) * G_N_ELEMENTS(lasts); i++) {
        int64_t last = lasts[i / G_N_ELEMENTS(delays)];
        int64_t attempts = (int64_t)(i % G_N_ELEMENTS(delays));
        int64_t due = MAX(MISSING_AT, last) + delays[attempts];
        g_autoptr(ServerRow) server = missing_server();
        g_autoptr(AgentRow) agent = agent_row_new();
        struct heal_facts facts = {server, agent, MAYBE_YES, attempts, last, due - 1};
        int64_t due_at = -1;
        g_assert_cmpint(heal_decide(&facts, &due_at), ==, HEAL_WAITS);
        g_assert_cmpint(due_at, ==, due);
        facts.now = due;
        g_assert_cmpint(heal_decide(&facts, &due_at), ==, HEAL_STARTS);
    }
}

static void add_worker(GPtrArray *workers, const char *agent, int64_t heard_at,
                       int64_t interval_ms)
{
    struct worker_row *worker = worker_row_new();
    row_set(&worker->agent_id, agent);
    worker->heard_at = heard_at;
    worker->interval_ms = interval_ms;
    g_ptr_array_add(workers, worker);
}

static void test_reached(void)
{
    g_autoptr(GPtrArray)
        workers = g_ptr_array_new_with_free_func((GDestroyNotify)worker_row_free);
    g_assert_cmpint(reach_agent(workers, "a", 0), ==, MAYBE_UNKNOWN);
    add_worker(workers, "b", 0, 1000);
    g_assert_cmpint(reach_agent(workers, "a", 0), ==, MAYBE_UNKNOWN);
    add_worker(workers, "a", 5000, 1000);
    g_assert_cmpint(reach_agent(workers, "a", 8000), ==, MAYBE_YES);
    g_assert_cmpint(reach_agent(workers, "a", 8001), ==, MAYBE_NO);
    add_worker(workers, "a", 5000, 0); /* tells no interval: 30 s */
    g_assert_cmpint(reach_agent(workers, "a", 95000), ==, MAYBE_YES);
    g_assert_cmpint(reach_agent(workers, "a", 95001), ==, MAYBE_NO);
}

/* Whatever it says of itself, and whenever the log says that it was heard. */
static void l27_no_worker_is_there_for_ever(void)
{
    const int64_t day = INT64_C(24) * 3600 * 1000, now = 1000 * day;
    const struct {
        int64_t heard_at, interval_ms;
        bool there;
    } rows[] = {
        {now, 1000, true},
        {now, INT64_C(1) << 62, true},
        {now, INT64_MAX, true},
        {now, INT64_MIN, true},
        {now - 3 * HEARTBEAT_MOST_MS, INT64_C(1) << 62, true},
        {now - 3 * HEARTBEAT_MOST_MS - 1, INT64_C(1) << 62, false},
        {now - 90001, INT64_MIN, false},
        {now + 3000, 1000, true}, /* clocks differ a little */
        {now + 3001, 1000, false},
        {now + 400 * day, 30000, false},
        {now + 400 * day, INT64_C(1) << 62, false},
        {INT64_MAX, 30000, false},
        {INT64_MIN, 30000, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray)
            workers = g_ptr_array_new_with_free_func((GDestroyNotify)worker_row_free);
        add_worker(workers, "a", rows[i].heard_at, rows[i].interval_ms);
        if (reach_agent(workers, "a", now) != (rows[i].there ? MAYBE_YES : MAYBE_NO))
            g_error("row %zu: not so", i);
    }
}

static void test_shown(void)
{
    static const struct {
        enum server_status status;
        enum maybe online;
        const char *shown;
    } rows[] = {
        {STATUS_RUNNING, MAYBE_YES, "running"},
        {STATUS_RUNNING, MAYBE_UNKNOWN, "running"},
        {STATUS_RUNNING, MAYBE_NO, "unknown"},
        {STATUS_STOPPED, MAYBE_NO, "unknown"},
        {STATUS_MISSING, MAYBE_NO, "unknown"},
        {STATUS_CREATING, MAYBE_NO, "unknown"},
        {STATUS_REBUILDING, MAYBE_NO, "unknown"},
        {STATUS_DELETING, MAYBE_NO, "unknown"},
        {STATUS_DELETED, MAYBE_NO, "deleted"},
        {STATUS_PURGED, MAYBE_NO, "purged"},
        {STATUS_FAILED, MAYBE_NO, "failed"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) server = server_row_new();
        server->status = rows[i].status;
        g_assert_cmpstr(reach_status(server, rows[i].online), ==, rows[i].shown);
    }
}

/* Online, and the host itself cannot say. */
static void test_s26_shown_of_one_that_was_set_aside(void)
{
    static const struct {
        enum server_status status;
        enum shown newest;
        enum container_status container;
        bool seen;
        const char *shown;
    } rows[] = {
        {STATUS_RUNNING, SHOWN_NOTHING, CONTAINER_UNKNOWN, true, "unknown"},
        {STATUS_STOPPED, SHOWN_NOTHING, CONTAINER_UNKNOWN, true, "unknown"},
        {STATUS_REBUILDING, SHOWN_NOTHING, CONTAINER_UNKNOWN, true, "rebuilding"},
        {STATUS_MISSING, SHOWN_NOTHING, CONTAINER_UNKNOWN, true, "missing"},
        {STATUS_RUNNING, SHOWN_NOTHING, CONTAINER_UNKNOWN, false, "running"},
        {STATUS_RUNNING, SHOWN_PRESENT, CONTAINER_RUNNING, true, "running"},
        {STATUS_RUNNING, SHOWN_PRESENT, CONTAINER_UNKNOWN, true, "running"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) server = server_row_new();
        server->status = rows[i].status;
        server->shown = rows[i].newest;
        server->container_status = rows[i].container;
        server->container_seen = rows[i].seen;
        g_assert_cmpstr(reach_status(server, MAYBE_YES), ==, rows[i].shown);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/heal/asked", test_asked);
    g_test_add_func("/heal/decides", test_decides);
    g_test_add_func("/heal/backs_off", test_backs_off);
    g_test_add_func("/reach/agent", test_reached);
    g_test_add_func("/reach/l27_no_worker_is_there_for_ever",
                    l27_no_worker_is_there_for_ever);
    g_test_add_func("/reach/shown", test_shown);
    g_test_add_func("/reach/s26_shown_of_one_that_was_set_aside",
                    test_s26_shown_of_one_that_was_set_aside);
    return g_test_run();
}
