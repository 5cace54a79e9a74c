/*
 * test_listing.c - what one list of the engine says about one partition.
 */
#include "listing.h"

#include "chunk.h"
#include "codec.h"
#include "seen.h"
#include "shape.h"

#define MANY 1201

struct setup {
    GPtrArray *prefixes;
    struct listing *listing;
    GHashTable *told;  /* server id → struct state */
    GHashTable *extra; /* server id → text */
    struct listing_scope scope;
};

static void set_up(struct setup *setup, gconstpointer none)
{
    setup->prefixes = g_ptr_array_new();
    g_ptr_array_add(setup->prefixes, (char *)"steam-zomboid-");
    setup->listing = listing_new(1000, setup->prefixes);
    setup->listing->containers = g_ptr_array_new_with_free_func(
        (GDestroyNotify)container_free);
    setup->extra = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    setup->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        (GDestroyNotify)state_free);
    setup->scope = (struct listing_scope){
        .partitions = 1, .seen = 42, .reason = SYNC_ON_TIME};
}

static void tear_down(struct setup *setup, gconstpointer none)
{
    listing_free(setup->listing);
    g_hash_table_unref(setup->told);
    g_hash_table_unref(setup->extra);
    g_ptr_array_unref(setup->prefixes);
}

/* --- What the engine lists, what was seen and told --------------------------------------------- */

/* A canonical container of that server. */
static struct container *list(struct setup *setup, const char *server_id,
                              const char *words)
{
    struct container *seen = seen_new(words);
    seen_set(&seen->server_id, server_id);
    g_ptr_array_add(setup->listing->containers, seen);
    return seen;
}

static struct container *list_unmanaged(struct setup *setup, const char *name)
{
    struct container *seen = list(setup, "", "running");
    seen_set(&seen->name, name);
    seen->managed = false;
    return seen;
}

static struct state *state_of(const char *words)
{
    g_autoptr(Container) seen = seen_new(words);
    return container_state(seen, MAYBE_UNKNOWN);
}

static void look(struct setup *setup, const char *server_id, const char *words)
{
    g_hash_table_insert(setup->listing->states, g_strdup(server_id), state_of(words));
}

static void tell(struct setup *setup, const char *server_id, const char *words)
{
    g_hash_table_insert(setup->told, g_strdup(server_id), state_of(words));
}

static void tell_unknown(struct setup *setup, const char *server_id)
{
    g_hash_table_insert(setup->told, g_strdup(server_id), state_new());
}

/* --- What comes of it ------------------------------------------------------------------------------ */

static GPtrArray *syncs_of(struct setup *setup)
{
    return listing_syncs(setup->listing, &setup->scope, setup->told, 2000);
}

static struct sync *sync_of(struct setup *setup)
{
    g_autoptr(GPtrArray) syncs = syncs_of(setup);
    g_assert_cmpuint(syncs->len, ==, 1);
    return g_ptr_array_steal_index(syncs, 0);
}

static char *servers_of(const struct sync *sync)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < sync->servers->len; i++) {
        const struct listed *listed = g_ptr_array_index(sync->servers, i);
        g_string_append_printf(text, "%s%s %s", i ? ", " : "", listed->server_id,
                               container_status_name(listed->state->status));
    }
    return g_string_free(text, FALSE);
}

static char *ids_of(const GPtrArray *ids)
{
    g_autoptr(GPtrArray) borrowed = g_ptr_array_new();
    for (guint i = 0; i < ids->len; i++)
        g_ptr_array_add(borrowed, g_ptr_array_index(ids, i));
    g_ptr_array_add(borrowed, NULL);
    return g_strjoinv(" ", (char **)borrowed->pdata);
}

static char *names_of(const GPtrArray *founds)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < founds->len; i++)
        g_ptr_array_add(names, ((struct found *)g_ptr_array_index(founds, i))->name);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static void assert_text(char *got_taken, const char *wanted)
{
    g_assert_cmpstr(got_taken, ==, wanted);
    g_free(got_taken);
}

static char *to_look_at(struct setup *setup)
{
    g_autoptr(GPtrArray) ids = listing_to_look_at(
        setup->listing, setup->told, setup->scope.partition, setup->scope.partitions);
    return ids_of(ids);
}

static bool differs(struct setup *setup)
{
    return listing_differs(setup->listing, &setup->scope, setup->told, setup->extra);
}

/* --- Cases ----------------------------------------------------------------------------------------- */

static void listed_as_looked_at_or_as_told(struct setup *setup, gconstpointer none)
{
    list(setup, "new", "running");
    list(setup, "changed", "exited");
    list(setup, "same", "running");
    tell(setup, "changed", "running");
    tell(setup, "same", "running");
    assert_text(to_look_at(setup), "new changed");
    look(setup, "new", "running");
    look(setup, "changed", "exited code 3");

    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(servers_of(sync), "new running, changed exited, same running");
    const struct listed *changed = g_ptr_array_index(sync->servers, 1);
    g_assert_cmpint(changed->state->exit_code, ==, 3);
    g_assert_true(sync->complete);
    g_assert_cmpint(sync->listed_at, ==, 1000);
    g_assert_cmpint(sync->seen, ==, 42);
    g_assert_cmpint(sync->reason, ==, SYNC_ON_TIME);
    g_assert_cmpstr(sync->code, ==, "");
}

static void another_container_of_the_same_status_is_looked_at(struct setup *setup,
                                                              gconstpointer none)
{
    list(setup, "one", "running id c2");
    tell(setup, "one", "running id c1");
    assert_text(to_look_at(setup), "one");
    g_assert_true(differs(setup));
}

static void s01_a_failed_list_proves_nothing(struct setup *setup, gconstpointer none)
{
    tell(setup, "one", "running");
    g_clear_pointer(&setup->listing->containers, g_ptr_array_unref);
    setup->listing->failure = g_strdup("the engine is away");

    g_autoptr(Sync) sync = sync_of(setup);
    g_assert_false(sync->complete);
    g_assert_cmpstr(sync->code, ==, CODE_SYNC_FAILED);
    g_assert_cmpstr(sync->message, ==, "the engine is away");
    assert_text(servers_of(sync), "");
    g_assert_false(differs(setup));
}

static void s02_gone_between_list_and_look(struct setup *setup, gconstpointer none)
{
    list(setup, "gone", "running");
    list(setup, "there", "running");
    tell(setup, "gone", "running");
    tell(setup, "there", "running");
    g_hash_table_add(setup->listing->gone, g_strdup("gone"));

    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(servers_of(sync), "there running");
    assert_text(ids_of(sync->unknown), "");
    g_assert_true(sync->complete);
    g_assert_true(differs(setup)); /* the log believes that it is there */
}

static void s04_of_one_that_was_touched_nothing_is_said(struct setup *setup,
                                                        gconstpointer none)
{
    list(setup, "one", "exited");
    tell(setup, "one", "running");
    tell(setup, "two", "running");
    g_hash_table_add(setup->listing->touched, g_strdup("one"));
    g_hash_table_add(setup->listing->touched, g_strdup("two"));

    assert_text(to_look_at(setup), "");
    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(servers_of(sync), "");
    g_assert_cmpuint(sync->pending->len, ==, 2);
    g_assert_false(differs(setup));
}

/* The engine lists one as running that dies; before the Sync goes out, a State tells it. */
static void s04_of_one_told_anew_meanwhile_nothing_is_said(struct setup *setup,
                                                           gconstpointer none)
{
    list(setup, "dying", "running");
    list(setup, "gone", "running");
    list(setup, "hung", "running");
    list(setup, "same", "running");
    tell(setup, "dying", "running");
    tell(setup, "same", "running");
    assert_text(to_look_at(setup), "gone hung");
    g_hash_table_add(setup->listing->gone, g_strdup("gone"));
    g_hash_table_add(setup->listing->unknown, g_strdup("hung"));
    tell(setup, "dying", "restarting");

    listing_hold_retold(setup->listing, setup->told);
    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(servers_of(sync), "same running");
    assert_text(ids_of(sync->pending), "dying");
    assert_text(ids_of(sync->unknown), "hung");
    g_assert_true(differs(setup)); /* that nobody can say how it is, is told once */
    tell_unknown(setup, "hung");
    g_assert_false(differs(setup));
}

static void s09_one_that_did_not_answer_is_unknown(struct setup *setup,
                                                   gconstpointer none)
{
    list(setup, "one", "running");
    look(setup, "one", "running");
    g_hash_table_add(setup->listing->unknown, g_strdup("one"));
    tell(setup, "two", "running");
    list(setup, "two", "running");

    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(servers_of(sync), "two running");
    assert_text(ids_of(sync->unknown), "one");
    g_assert_true(sync->complete);
    g_assert_true(differs(setup));
    tell_unknown(setup, "one");
    g_assert_false(differs(setup));
    assert_text(to_look_at(setup), "one"); /* until it answers */
}

static void s23_copies_and_renamed_ones_are_extra(struct setup *setup, gconstpointer none)
{
    list(setup, "one", "running");
    look(setup, "one", "running");
    list(setup, "one", "exited id c2 name steam-zomboid-a-copy");
    list(setup, "two", "running id c3 name steam-zomboid-b-aside");
    tell(setup, "two", "running id c3");

    assert_text(to_look_at(setup), "one");
    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(servers_of(sync), "one running");
    assert_text(names_of(sync->extra), "steam-zomboid-a-copy steam-zomboid-b-aside");
    g_assert_true(differs(setup)); /* the log believes in the second one */
}

/* Its server is missing only once the log says that it is extra no more. */
static void s23_an_extra_one_that_goes_is_news(struct setup *setup, gconstpointer none)
{
    list(setup, "one", "running name steam-zomboid-aside");
    tell(setup, "one", "absent");
    g_assert_true(differs(setup));
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_assert_false(differs(setup));

    g_ptr_array_set_size(setup->listing->containers, 0);
    g_assert_true(differs(setup));
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_assert_false(differs(setup));
}

/* An adopted server's, of whom the events tell nothing once it bears another name. */
static void s23_an_unmanaged_one_that_goes_is_news(struct setup *setup,
                                                   gconstpointer none)
{
    g_autoptr(GHashTable)
        told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct container *seen = list_unmanaged(setup, "steam-zomboid-alpha");
    /* Of new ones the events tell. */
    g_assert_false(listing_take_unmanaged(setup->listing, told, false));
    g_assert_true(listing_take_unmanaged(setup->listing, told, true));
    g_assert_false(listing_take_unmanaged(setup->listing, told, false));

    seen_set(&seen->name, "aside");
    g_assert_true(listing_take_unmanaged(setup->listing, told, false));
    g_assert_false(listing_take_unmanaged(setup->listing, told, false));

    g_ptr_array_set_size(setup->listing->containers, 0); /* it stood among the others */
    g_assert_true(listing_take_unmanaged(setup->listing, told, false));
    g_assert_false(listing_take_unmanaged(setup->listing, told, false));
}

static void s23_nothing_is_noted_of_one_that_was_touched(struct setup *setup,
                                                         gconstpointer none)
{
    list(setup, "one", "running name steam-zomboid-aside");
    tell(setup, "one", "absent");
    listing_note_extra(setup->listing, &setup->scope, setup->extra);

    g_ptr_array_set_size(setup->listing->containers, 0);
    g_hash_table_add(setup->listing->touched, g_strdup("one"));
    g_assert_false(differs(setup));
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_hash_table_remove_all(setup->listing->touched);
    g_assert_true(differs(setup)); /* that Sync held it pending: it is still to be told */
}

static void unmanaged_ones_by_their_prefix_in_every_partition(struct setup *setup,
                                                              gconstpointer none)
{
    list_unmanaged(setup, "steam-zomboid-old");
    list_unmanaged(setup, "postgres");
    setup->scope.partitions = 4;
    for (int32_t partition = 0; partition < 4; partition++) {
        setup->scope.partition = partition;
        g_autoptr(Sync) sync = sync_of(setup);
        assert_text(names_of(sync->unmanaged), "steam-zomboid-old");
        assert_text(servers_of(sync), "");
    }
    g_assert_false(differs(setup));
}

static void data_is_in_the_first_partition_alone(struct setup *setup, gconstpointer none)
{
    /* A Sync frees what it holds: so one lends its list. */
    g_autoptr(Sync) lender = sync_new();
    g_ptr_array_add(lender->data, found_new());
    seen_set(&((struct found *)g_ptr_array_index(lender->data, 0))->name, "/srv/a");
    setup->listing->data = g_ptr_array_ref(lender->data);
    setup->scope.partitions = 2;
    g_autoptr(Sync) first = sync_of(setup);
    setup->scope.partition = 1;
    g_autoptr(Sync) second = sync_of(setup);
    assert_text(names_of(first->data), "/srv/a");
    assert_text(names_of(second->data), "");
}

static void each_server_is_in_its_own_partition(struct setup *setup, gconstpointer none)
{
    unsigned listed = 0;
    for (int i = 0; i < 40; i++) {
        g_autofree char *id = g_strdup_printf("server-%d", i);
        list(setup, id, "running");
        look(setup, id, "running");
    }
    setup->scope.partitions = 4;
    for (int32_t partition = 0; partition < 4; partition++) {
        setup->scope.partition = partition;
        g_autoptr(Sync) sync = sync_of(setup);
        listed += sync->servers->len;
        for (guint i = 0; i < sync->servers->len; i++) {
            const struct listed *server = g_ptr_array_index(sync->servers, i);
            g_assert_cmpint(partition_of(server->server_id, 4), ==, partition);
        }
    }
    g_assert_cmpuint(listed, ==, 40);
}

/* What a rebuild has left: its command has ended, or nobody here has heard of it yet. */
static void s26_one_that_is_set_aside_is_unknown(struct setup *setup, gconstpointer none)
{
    list(setup, "one", "running id c1 name steam-zomboid-a.old-command-7-r");
    list(setup, "two", "running id c2 name steam-zomboid-a.old-command-8-sn");
    list(setup, "two", "running id c3");
    list(setup, "three", "running id c4 name steam-zomboid-a-by-hand");
    list(setup, "four", "running id c5 name steam-zomboid-a.old-command-9-r");
    tell(setup, "one", "running id c1");
    tell(setup, "two", "running id c3");
    g_hash_table_add(setup->listing->touched, g_strdup("four")); /* being worked on */

    listing_hold_aside(setup->listing);
    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(ids_of(sync->unknown), "one");
    assert_text(ids_of(sync->pending), "four");
    assert_text(servers_of(sync), "two running");
    g_assert_cmpuint(sync->extra->len, ==, 4);
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_assert_true(differs(setup));
    tell_unknown(setup, "one");
    g_assert_false(differs(setup));
}

/* The ledger shows it as extra from then on, although that Sync says nothing of its server. */
static void s26_what_was_extra_during_a_command_is_told_to_be_gone(struct setup *setup,
                                                                   gconstpointer none)
{
    struct container *old = list(setup, "one",
                                 "exited name steam-zomboid-a.old-command-7-r");
    tell(setup, "one", "running");
    g_hash_table_add(setup->listing->touched, g_strdup("one"));
    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(names_of(sync->extra), old->name);
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_assert_false(differs(setup));

    g_hash_table_remove_all(setup->listing->touched);
    seen_set(&old->name, "steam-zomboid-a");
    old->status = CONTAINER_RUNNING;
    look(setup, "one", "running");
    g_assert_true(differs(setup));
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_assert_false(differs(setup));
}

static void s31_another_one_is_told_again_when_a_result_says_absent(struct setup *setup,
                                                                    gconstpointer none)
{
    struct container *renamed = list(setup, "one", "running id c1 name by-hand");
    tell(setup, "one", "absent");
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_assert_false(differs(setup));
    g_assert_true(listing_forget_extra(setup->extra, "one"));
    g_assert_false(listing_forget_extra(setup->extra, "one"));
    g_assert_true(differs(setup));
    listing_note_extra(setup->listing, &setup->scope, setup->extra);
    g_assert_false(differs(setup));
    renamed->status = CONTAINER_EXITED; /* no State tells it: it bears another name */
    g_assert_true(differs(setup));
}

/* By its id the fold finds an adopted one that bears another name now. */
static void s31_all_others_are_told_by_their_ids(struct setup *setup, gconstpointer none)
{
    seen_set(&list_unmanaged(setup, "beta-backup")->id, "0123456789abcdef0123");
    seen_set(&list_unmanaged(setup, "steam-zomboid-old")->id, "1123456789abcdef0123");
    list(setup, "one", "running id 2123456789abcdef0123");
    look(setup, "one", "running");
    g_autoptr(Sync) sync = sync_of(setup);
    assert_text(ids_of(sync->others), "0123456789ab");
    assert_text(names_of(sync->unmanaged), "steam-zomboid-old");
    setup->scope.partitions = 2; /* and those of the other partition */
    setup->scope.partition = 1 - partition_of("one", 2);
    g_autoptr(Sync) other = sync_of(setup);
    assert_text(ids_of(other->others), "0123456789ab 2123456789ab");
}

/* --- Chunks ---------------------------------------------------------------------------------------- */

static size_t encoded(const struct codec *codec, const struct sync *sync)
{
    g_autoptr(Event) event = event_new();
    event->sync = shape_dup(&shape_sync, sync);
    g_autoptr(GBytes) bytes = codec_encode_event((struct codec *)codec, event);
    return g_bytes_get_size(bytes);
}

static void add_directories(struct listing *listing, int n)
{
    listing->data = g_ptr_array_new_with_free_func(shape_found.free);
    for (int i = 0; i < n; i++) {
        struct found *found = found_new();
        g_free(found->name);
        found->name = g_strdup_printf("/srv/games/%0250d", i);
        g_ptr_array_add(listing->data, found);
    }
}

/* What was told by all chunks of a list, one after the other. */
static guint told_in_all(const GPtrArray *syncs, size_t offset)
{
    guint n = 0;
    for (guint i = 0; i < syncs->len; i++)
        n += (*(GPtrArray **)((char *)g_ptr_array_index(syncs, i) + offset))->len;
    return n;
}

static void s31_what_is_long_goes_out_in_chunks_whole(struct setup *setup,
                                                      gconstpointer none)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (int i = 0; i < MANY; i++) {
        g_autofree char *id = g_strdup_printf("server-%d", i);
        list(setup, id, "running");
        look(setup, id, "running");
        list(setup, id, "exited id c2 name by-hand");
        list_unmanaged(setup, "steam-zomboid-foreign");
        list_unmanaged(setup, "foreign");
    }
    add_directories(setup->listing, 8000);
    g_hash_table_add(setup->listing->touched, g_strdup("another"));
    g_autoptr(GPtrArray) syncs = syncs_of(setup);
    for (guint i = 0; i < syncs->len; i++) {
        const struct sync *first = g_ptr_array_index(syncs, 0);
        const struct sync *sync = g_ptr_array_index(syncs, i);
        g_assert_true(sync->complete);
        g_assert_cmpstr(sync->sync_id, ==, first->sync_id);
        g_assert_cmpint(sync->chunk, ==, i);
        g_assert_cmpint(sync->chunks, ==, syncs->len);
        g_assert_cmpint(sync->seen, ==, first->seen);
        g_assert_cmpuint(encoded(codec, sync), <, CHUNK_BYTES + 1024);
        for (guint j = 0; j < sync->servers->len; j++)
            g_hash_table_add(
                seen, ((struct listed *)g_ptr_array_index(sync->servers, j))->server_id);
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, MANY);
#define TOLD(list) told_in_all(syncs, offsetof(struct sync, list))
    g_assert_cmpuint(TOLD(servers), ==, MANY);
    g_assert_cmpuint(TOLD(extra), ==, MANY);
    g_assert_cmpuint(TOLD(unmanaged), ==, MANY);
    g_assert_cmpuint(TOLD(others), ==, MANY);
    g_assert_cmpuint(TOLD(data), ==, 8000);
    g_assert_cmpuint(TOLD(pending), ==, 1);
#undef TOLD
}

static void s31_what_fits_is_one_chunk(struct setup *setup, gconstpointer none)
{
    g_autoptr(Sync) sync = sync_of(setup); /* empty */
    g_assert_cmpint(sync->chunks, ==, 1);
    add_directories(setup->listing, 150);
    g_autoptr(Sync) small = sync_of(setup);
    g_assert_cmpuint(small->data->len, ==, 150);
}

static void s31_a_root_that_is_left_out_is_said_to_be(struct setup *setup,
                                                      gconstpointer none)
{
    setup->listing->left_out = g_strdup("directories that are not listed: /srv");
    g_autoptr(Sync) sync = sync_of(setup);
    g_assert_true(sync->complete);
    g_assert_cmpstr(sync->code, ==, "");
    g_assert_cmpstr(sync->message, ==, "directories that are not listed: /srv");
}

static void what_is_as_told_is_no_difference(struct setup *setup, gconstpointer none)
{
    list(setup, "one", "running");
    tell(setup, "one", "running");
    tell(setup, "two", "absent");
    g_assert_false(differs(setup));
    assert_text(to_look_at(setup), "");
    tell(setup, "three", "exited");
    g_assert_true(differs(setup)); /* told, and not listed */
}

/* What moves again and again is told by its pace; that it is another one, or gone, at once. */
static void s32_what_is_held_is_no_difference(struct setup *setup, gconstpointer none)
{
    struct container *seen = list(setup, "one", "restarting");
    tell(setup, "one", "running");
    g_assert_true(differs(setup));
    g_hash_table_add(setup->listing->held, g_strdup("one"));
    g_assert_false(differs(setup));
    assert_text(to_look_at(setup),
                "one"); /* a Sync that goes out anyway says how it is */
    seen_set(&seen->id, "another");
    g_assert_true(differs(setup));
    g_ptr_array_set_size(setup->listing->containers, 0);
    g_assert_true(differs(setup));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(struct setup *setup, gconstpointer none);
    } tests[] = {
#define TEST(function) {"/listing/" #function, function}
        TEST(listed_as_looked_at_or_as_told),
        TEST(another_container_of_the_same_status_is_looked_at),
        TEST(s01_a_failed_list_proves_nothing),
        TEST(s02_gone_between_list_and_look),
        TEST(s04_of_one_that_was_touched_nothing_is_said),
        TEST(s04_of_one_told_anew_meanwhile_nothing_is_said),
        TEST(s09_one_that_did_not_answer_is_unknown),
        TEST(s23_copies_and_renamed_ones_are_extra),
        TEST(s23_an_extra_one_that_goes_is_news),
        TEST(s23_an_unmanaged_one_that_goes_is_news),
        TEST(s23_nothing_is_noted_of_one_that_was_touched),
        TEST(unmanaged_ones_by_their_prefix_in_every_partition),
        TEST(data_is_in_the_first_partition_alone),
        TEST(each_server_is_in_its_own_partition),
        TEST(s26_one_that_is_set_aside_is_unknown),
        TEST(s26_what_was_extra_during_a_command_is_told_to_be_gone),
        TEST(s31_another_one_is_told_again_when_a_result_says_absent),
        TEST(s31_all_others_are_told_by_their_ids),
        TEST(s31_what_is_long_goes_out_in_chunks_whole),
        TEST(s31_what_fits_is_one_chunk),
        TEST(s31_a_root_that_is_left_out_is_said_to_be),
        TEST(what_is_as_told_is_no_difference),
        TEST(s32_what_is_held_is_no_difference),
#undef TEST
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, struct setup, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
