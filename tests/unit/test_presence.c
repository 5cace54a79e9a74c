/*
 * test_presence.c - what proves an absence, and what does not.
 *
 * Whole lives are in test_fold.c; here is each part of the rule on its own.
 */
#include "presence.h"

#include <glib.h>

static struct server_row *server_with(bool seen, enum shown shown,
                                      enum server_status settled)
{
    struct server_row *server = server_row_new();
    row_set(&server->id, "s1");
    row_set(&server->container, "steam-zomboid-alpha");
    row_set(&server->container_id, "c1");
    server->container_seen = seen;
    server->shown = shown;
    server->settled_status = settled;
    return server;
}

static void test_judge(void)
{
    static const struct {
        bool seen, open;
        enum shown shown;
        enum server_status settled;
        enum presence presence;
    } rows[] = {
        {true, false, SHOWN_ABSENT, STATUS_RUNNING, PRESENCE_MISSING},
        {true, false, SHOWN_ABSENT, STATUS_STOPPED, PRESENCE_MISSING},
        {true, false, SHOWN_PRESENT, STATUS_RUNNING, PRESENCE_PRESENT},
        {true, false, SHOWN_NOTHING, STATUS_RUNNING, PRESENCE_UNKNOWN},
        {true, true, SHOWN_ABSENT, STATUS_RUNNING, PRESENCE_PENDING},
        {false, false, SHOWN_ABSENT, STATUS_RUNNING, PRESENCE_NOT_EXPECTED},
        {false, false, SHOWN_ABSENT, STATUS_FAILED, PRESENCE_NOT_EXPECTED}, /* S24 */
        {true, false, SHOWN_ABSENT, STATUS_CREATING, PRESENCE_NOT_EXPECTED},
        {true, false, SHOWN_ABSENT, STATUS_DELETED, PRESENCE_NOT_EXPECTED},
        {true, false, SHOWN_ABSENT, STATUS_PURGED, PRESENCE_NOT_EXPECTED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow)
            server = server_with(rows[i].seen, rows[i].shown, rows[i].settled);
        if (rows[i].open)
            server_row_add_open(server, "command", ACTION_STOP, true);
        g_assert_cmpint(presence_judge(server), ==, rows[i].presence);
    }
}

/* --- Syncs -------------------------------------------------------------------------------- */

static struct sync *empty_sync(void)
{
    struct sync *sync = sync_new();
    sync->complete = true;
    sync->seen = 100;
    return sync;
}

static enum says ask(const struct sync *sync, const struct server_row *server)
{
    g_autoptr(PresenceSync) index = presence_sync_new(sync, 5000);
    const struct state *state = NULL;
    const enum says says = presence_in_sync(index, server, &state);
    g_assert_true((says == SAYS_PRESENT) == (state != NULL));
    return says;
}

static struct found *found_with(const char *container_id, const char *name)
{
    struct found *found = found_new();
    row_set(&found->container_id, container_id);
    row_set(&found->name, name);
    return found;
}

static struct state *state_with(enum container_status status)
{
    struct state *state = state_new();
    state->status = status;
    return state;
}

static void test_not_listed_is_absent(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
    g_autoptr(Sync) sync = empty_sync();
    g_assert_cmpint(ask(sync, server), ==, SAYS_ABSENT);
}

static void test_listed_is_present(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_ABSENT, STATUS_RUNNING);
    g_autoptr(Sync) sync = empty_sync();
    g_ptr_array_add(sync->servers, listed_new("s1", state_with(CONTAINER_EXITED)));
    g_assert_cmpint(ask(sync, server), ==, SAYS_PRESENT);
}

static void test_pending_says_nothing_and_unknown_that_it_is_there(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
    g_autoptr(Sync) pending = empty_sync();
    g_autoptr(Sync) unknown = empty_sync();
    g_autoptr(Sync) listed_unknown = empty_sync();
    g_ptr_array_add(pending->pending, g_strdup("s1"));
    g_ptr_array_add(unknown->unknown, g_strdup("s1"));
    g_ptr_array_add(listed_unknown->servers,
                    listed_new("s1", state_with(CONTAINER_UNKNOWN)));
    g_assert_cmpint(ask(pending, server), ==, SAYS_NOTHING);
    g_assert_cmpint(ask(unknown, server), ==, SAYS_UNKNOWN);
    g_assert_cmpint(ask(listed_unknown, server), ==, SAYS_UNKNOWN);
}

/* Renamed by hand, or without a label (S21, S23): its recorded id is what counts. */
static void test_s31_who_is_found_under_another_name_is_there(void)
{
    static const struct {
        const char *list, *id, *name, *status;
        enum says says;
    } rows[] = {
        {"extra", "0123456789abcdef", "renamed", "running", SAYS_PRESENT},
        {"extra", "0123456789abcdef", "renamed", "", SAYS_UNKNOWN},
        {"extra", "fedcba9876543210", "steam-zomboid-alpha.old-x-r", "running",
         SAYS_ABSENT},
        {"extra", "0123456789abffff", "renamed", "running", SAYS_ABSENT},
        {"unmanaged", "0123456789abcdef", "steam-zomboid-x", "exited", SAYS_PRESENT},
        {"unmanaged", "fedcba9876543210", "steam-zomboid-alpha", "running", SAYS_NOTHING},
        {"others", "0123456789ab", "", "", SAYS_UNKNOWN},
        {"others", "fedcba987654", "", "", SAYS_ABSENT},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
        g_autoptr(Sync) sync = empty_sync();
        row_set(&server->container_id, "0123456789abcdef");
        struct found *found = found_with(rows[i].id, rows[i].name);
        row_set(&found->status, rows[i].status);
        if (g_str_equal(rows[i].list, "others"))
            g_ptr_array_add(sync->others, g_strdup(rows[i].id));
        /* both lists free what they hold */
        g_ptr_array_add(g_str_equal(rows[i].list, "extra")    ? sync->extra
                        : g_str_equal(rows[i].list, "others") ? sync->data
                                                              : sync->unmanaged,
                        found);
        g_assert_cmpint(ask(sync, server), ==, rows[i].says);
    }
}

static void test_s04_a_list_older_than_the_last_command_says_nothing(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
    g_autoptr(Sync) sync = empty_sync();
    server->command_offset = 100;
    server->last_at = 4000;
    g_assert_cmpint(ask(sync, server), ==, SAYS_NOTHING);
    sync->seen = 101;
    g_assert_cmpint(ask(sync, server), ==, SAYS_ABSENT);
}

/* Its offsets begin at 0 again; the server must not stay unjudged for ever. */
static void test_a_commands_topic_made_anew(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
    g_autoptr(Sync) sync = empty_sync();
    server->command_offset = 100000;
    server->last_at = 4000;
    g_autoptr(PresenceSync) index = presence_sync_new(sync, 4000 + 2 * 3600 * 1000);
    const struct state *state = NULL;
    g_assert_cmpint(presence_in_sync(index, server, &state), ==, SAYS_ABSENT);
}

static void test_s22_many_at_once(void)
{
    g_assert_false(presence_is_mass(2, 2));
    g_assert_true(presence_is_mass(3, 3));
    g_assert_true(presence_is_mass(3, 5));
    g_assert_false(presence_is_mass(3, 6));
    g_assert_true(presence_is_mass(51, 100));
    g_assert_false(presence_is_mass(50, 100));
}

static void add_directory(struct sync *sync, const char *path)
{
    struct found *found = found_new();
    row_set(&found->name, path);
    g_ptr_array_add(sync->data, found);
}

static void test_data(void)
{
    g_autoptr(Sync) sync = empty_sync();
    g_autoptr(PresenceDirectories) none = presence_directories_new(sync);
    g_assert_cmpint(presence_data(none, "/srv/alpha"), ==, MAYBE_UNKNOWN);
    add_directory(sync, "/srv/alpha");
    g_autoptr(PresenceDirectories) one = presence_directories_new(sync);
    g_assert_cmpint(presence_data(one, "/srv/alpha"), ==, MAYBE_YES);
    g_assert_cmpint(presence_data(one, "/srv/beta"), ==, MAYBE_NO);
    g_assert_cmpint(presence_data(one, "/other/beta"), ==, MAYBE_UNKNOWN);
    g_assert_cmpint(presence_data(one, "/srv/alpha/deeper"), ==, MAYBE_UNKNOWN);
    g_assert_cmpint(presence_data(one, ""), ==, MAYBE_UNKNOWN);
}

/* All of them are told, however many; a root that is left out has none. */
static void test_s31_data_of_a_root_with_thousands(void)
{
    g_autoptr(Sync) sync = empty_sync();
    for (int i = 0; i < 8000; i++) {
        g_autofree char *path = g_strdup_printf("/srv/%d", i);
        add_directory(sync, path);
    }
    g_autoptr(PresenceDirectories) whole = presence_directories_new(sync);
    g_assert_cmpint(presence_data(whole, "/srv/zeta"), ==, MAYBE_NO);
    g_assert_cmpint(presence_data(whole, "/srv/7999"), ==, MAYBE_YES);
    g_assert_cmpint(presence_data(whole, "/left-out/alpha"), ==, MAYBE_UNKNOWN);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/presence/judge", test_judge);
    g_test_add_func("/presence/not_listed_is_absent", test_not_listed_is_absent);
    g_test_add_func("/presence/listed_is_present", test_listed_is_present);
    g_test_add_func("/presence/pending_says_nothing_and_unknown_that_it_is_there",
                    test_pending_says_nothing_and_unknown_that_it_is_there);
    g_test_add_func("/presence/s31_who_is_found_under_another_name_is_there",
                    test_s31_who_is_found_under_another_name_is_there);
    g_test_add_func("/presence/s04_a_list_older_than_the_last_command_says_nothing",
                    test_s04_a_list_older_than_the_last_command_says_nothing);
    g_test_add_func("/presence/a_commands_topic_made_anew",
                    test_a_commands_topic_made_anew);
    g_test_add_func("/presence/s22_many_at_once", test_s22_many_at_once);
    g_test_add_func("/presence/data", test_data);
    g_test_add_func("/presence/s31_data_of_a_root_with_thousands",
                    test_s31_data_of_a_root_with_thousands);
    return g_test_run();
}
