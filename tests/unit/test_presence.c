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

static enum shown ask(const struct sync *sync, const struct server_row *server)
{
    g_autoptr(PresenceSync) index = presence_sync_new(sync, 5000);
    const struct state *state = NULL;
    enum shown shown = presence_in_sync(index, server, &state);
    g_assert_true((shown == SHOWN_PRESENT) == (state != NULL));
    return shown;
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
    g_assert_cmpint(ask(sync, server), ==, SHOWN_ABSENT);
}

static void test_listed_is_present(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_ABSENT, STATUS_RUNNING);
    g_autoptr(Sync) sync = empty_sync();
    g_ptr_array_add(sync->servers, listed_new("s1", state_with(CONTAINER_EXITED)));
    g_assert_cmpint(ask(sync, server), ==, SHOWN_PRESENT);
}

static void test_pending_and_unknown_say_nothing(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
    g_autoptr(Sync) pending = empty_sync();
    g_autoptr(Sync) unknown = empty_sync();
    g_autoptr(Sync) listed_unknown = empty_sync();
    g_ptr_array_add(pending->pending, g_strdup("s1"));
    g_ptr_array_add(unknown->unknown, g_strdup("s1"));
    g_ptr_array_add(listed_unknown->servers,
                    listed_new("s1", state_with(CONTAINER_UNKNOWN)));
    g_assert_cmpint(ask(pending, server), ==, SHOWN_NOTHING);
    g_assert_cmpint(ask(unknown, server), ==, SHOWN_NOTHING);
    g_assert_cmpint(ask(listed_unknown, server), ==, SHOWN_NOTHING);
}

/* S23: renamed by hand, or a container that is not labelled yet (S21). */
static void test_extra_and_unmanaged_say_nothing(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
    g_autoptr(Sync) by_id = empty_sync();
    g_autoptr(Sync) by_name = empty_sync();
    g_autoptr(Sync) another = empty_sync();
    g_ptr_array_add(by_id->extra, found_with("c1", "renamed"));
    g_ptr_array_add(by_name->unmanaged, found_with("c7", "steam-zomboid-alpha"));
    g_ptr_array_add(another->extra, found_with("c8", "steam-zomboid-alpha.old-x-r"));
    g_assert_cmpint(ask(by_id, server), ==, SHOWN_NOTHING);
    g_assert_cmpint(ask(by_name, server), ==, SHOWN_NOTHING);
    g_assert_cmpint(ask(another, server), ==, SHOWN_ABSENT);
}

static void test_s04_a_list_older_than_the_last_command_says_nothing(void)
{
    g_autoptr(ServerRow) server = server_with(true, SHOWN_PRESENT, STATUS_RUNNING);
    g_autoptr(Sync) sync = empty_sync();
    server->command_offset = 100;
    server->last_at = 4000;
    g_assert_cmpint(ask(sync, server), ==, SHOWN_NOTHING);
    sync->seen = 101;
    g_assert_cmpint(ask(sync, server), ==, SHOWN_ABSENT);
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
    g_assert_cmpint(presence_in_sync(index, server, &state), ==, SHOWN_ABSENT);
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

/* A worker's list ends somewhere: what it does not hold may stand behind its end. */
static void test_data_of_a_list_that_was_cut(void)
{
    g_autoptr(Sync) sync = empty_sync();
    for (int i = 0; i < 1999; i++) {
        g_autofree char *path = g_strdup_printf("/srv/%d", i);
        add_directory(sync, path);
    }
    g_autoptr(PresenceDirectories) whole = presence_directories_new(sync);
    g_assert_cmpint(presence_data(whole, "/srv/zeta"), ==, MAYBE_NO);
    add_directory(sync, "/srv/1999");
    g_autoptr(PresenceDirectories) cut = presence_directories_new(sync);
    g_assert_cmpint(presence_data(cut, "/srv/zeta"), ==, MAYBE_UNKNOWN);
    g_assert_cmpint(presence_data(cut, "/srv/1999"), ==, MAYBE_YES);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/presence/judge", test_judge);
    g_test_add_func("/presence/not_listed_is_absent", test_not_listed_is_absent);
    g_test_add_func("/presence/listed_is_present", test_listed_is_present);
    g_test_add_func("/presence/pending_and_unknown_say_nothing",
                    test_pending_and_unknown_say_nothing);
    g_test_add_func("/presence/extra_and_unmanaged_say_nothing",
                    test_extra_and_unmanaged_say_nothing);
    g_test_add_func("/presence/s04_a_list_older_than_the_last_command_says_nothing",
                    test_s04_a_list_older_than_the_last_command_says_nothing);
    g_test_add_func("/presence/a_commands_topic_made_anew",
                    test_a_commands_topic_made_anew);
    g_test_add_func("/presence/s22_many_at_once", test_s22_many_at_once);
    g_test_add_func("/presence/data", test_data);
    g_test_add_func("/presence/data_of_a_list_that_was_cut",
                    test_data_of_a_list_that_was_cut);
    return g_test_run();
}
