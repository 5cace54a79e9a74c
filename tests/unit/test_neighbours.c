/*
 * test_neighbours.c - S30: one directory under two names, whose it is, and who mounts it.
 */
#include "neighbours.h"

#include "host.h"
#include "host_mark.h"
#include "host_place.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ROOT/fox/{bin,data}, ROOT/fox-2, and LINK, a symlink to ROOT. */
struct ground {
    char *top;
    char *root;
    char *link;
};

static char *in(const char *directory, const char *below)
{
    return g_build_filename(directory, below, NULL);
}

static void make(const char *directory, const char *below)
{
    g_autofree char *path = in(directory, below);

    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
}

static void set_up(struct ground *ground, gconstpointer unused)
{
    g_autofree char *top = g_dir_make_tmp("muster-near-XXXXXX", NULL);

    ground->top = g_canonicalize_filename(top, NULL);
    ground->root = in(ground->top, "root");
    ground->link = in(ground->top, "link");
    make(ground->root, "fox/bin");
    make(ground->root, "fox/data");
    make(ground->root, "fox-2");
    g_assert_cmpint(symlink("root", ground->link), ==, 0);
}

static void tear_down(struct ground *ground, gconstpointer unused)
{
    const char *arguments[] = {"rm", "-rf", ground->top, NULL};

    g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                 NULL, NULL, NULL);
    g_free(ground->top);
    g_free(ground->root);
    g_free(ground->link);
}

/* --- Places -------------------------------------------------------------------------- */

static void s30_places_are_what_they_are(struct ground *ground, gconstpointer unused)
{
    static const struct {
        const char *place, *other; /* below the top */
        enum lies lies;
    } rows[] = {
        {"root/fox", "root/fox", LIES_SAME},
        {"root/fox", "link/fox", LIES_SAME},
        {"link/fox/data", "root/fox", LIES_INSIDE},
        {"root", "link/fox", LIES_AROUND},
        {"root/fox-2", "root/fox", LIES_APART},
        {"link/fox/new", "root/fox/new", LIES_SAME}, /* neither is there */
        {"link/fox/new/deep", "root/fox", LIES_INSIDE},
        {"root/new", "link/new/deep", LIES_AROUND},
        {"root/new", "root/new2", LIES_APART},
        {"root/fox/new", "root/fox/data", LIES_APART},
        {"link", "root", LIES_SAME},
        {"root/fox/../fox/data", "link/fox", LIES_INSIDE},
        {"root//fox/", "root/fox/.", LIES_SAME},
    };
    g_autoptr(Places) places = places_new();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = in(ground->top, rows[i].place);
        g_autofree char *other_path = in(ground->top, rows[i].other);
        g_autoptr(Place) place = place_look(path);
        g_autoptr(Place) other = place_look(other_path);
        if (place_lies(place, other) != rows[i].lies)
            g_error("%s to %s is not %d", rows[i].place, rows[i].other, rows[i].lies);
        const struct place *also = places_look(places, path);
        if (place_lies(also, places_look(places, other_path)) != rows[i].lies)
            g_error("%s to %s, among others, is not %d", rows[i].place, rows[i].other,
                    rows[i].lies);
    }
}

static void s30_everything_lies_in_the_top(struct ground *ground, gconstpointer unused)
{
    g_autoptr(Place) top = place_look("/");
    g_autoptr(Place) root = place_look(ground->root);
    g_autoptr(Place) nowhere = place_look("");

    g_assert_cmpint(place_lies(root, top), ==, LIES_INSIDE);
    g_assert_cmpint(place_lies(top, root), ==, LIES_AROUND);
    g_assert_cmpint(place_lies(nowhere, root), ==, LIES_APART);
    g_assert_cmpint(place_lies(root, nowhere), ==, LIES_APART);
}

/* --- Who mounts ------------------------------------------------------------------------ */

/* A container, in a few words. */
struct mounter {
    const char *name;
    const char *server; /* NULL: not one of ours */
    const char *source; /* below the top, or NULL: the volume `volume` */
    const char *volume;
    bool read_only;
    bool exited;
};

static struct neighbours *with(const struct ground *ground, const struct mounter *mounter)
{
    struct neighbours *neighbours = neighbours_new(
        g_ptr_array_new_with_free_func((GDestroyNotify)container_free),
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free));
    struct container *container = container_new();
    g_autofree char *source = mounter->source ? in(ground->top, mounter->source)
                                              : g_strdup("/nowhere/_data");

    g_hash_table_insert(neighbours->volumes, g_strdup("bound"),
                        in(ground->top, "root/fox"));
    g_free(container->id);
    container->id = g_strdup("c9");
    g_free(container->name);
    container->name = g_strdup(mounter->name);
    container->managed = mounter->server != NULL;
    container->status = mounter->exited ? CONTAINER_EXITED : CONTAINER_RUNNING;
    if (mounter->server) {
        g_free(container->server_id);
        container->server_id = g_strdup(mounter->server);
    }
    g_ptr_array_add(container->mounts, mounted_new(mounter->volume ? "volume" : "bind",
                                                   mounter->volume ? mounter->volume : "",
                                                   source, "/x", mounter->read_only));
    g_ptr_array_add(neighbours->containers, container);
    return neighbours;
}

static const struct asker asker = {"s1", "c1", "a"};

static void s30_who_mounts_the_data_hinders_a_purge(struct ground *ground,
                                                    gconstpointer unused)
{
    static const struct {
        struct mounter mounter;
        bool hinders;
    } rows[] = {
        {{"legacy", NULL, "root/fox"}, true},
        {{"legacy", NULL, "link/fox"}, true},
        {{"legacy", NULL, "link/fox/data", .read_only = true}, true},
        {{"legacy", NULL, .volume = "bound"}, true},
        {{"legacy", NULL, .volume = "other"}, false},
        {{"legacy", NULL, "root/fox-2"}, false},
        {{"legacy", NULL, "root"}, false}, /* a backup's, a monitor's */
        {{"other", "s2", "link"}, true},
        {{"other", "s2", "root", .read_only = true}, false},
        {{"node-exporter", NULL, "root/fox"}, false}, /* the policy says so */
        {{"backup-7", NULL, "link/fox/data"}, false},
        {{"backup-7", "s2", "root/fox/data"}, true}, /* never one of ours */
        {{"fox.old-1-s", "s1", "root/fox", .exited = true}, false},
        {{"fox.old-1-s", "s1", "root/fox"}, true},
    };
    g_autoptr(Policy) policy = policy_new();
    g_autofree char *data_dir = in(ground->root, "fox");

    g_ptr_array_add(policy->mounters_ignored, g_strdup("node-exporter"));
    g_ptr_array_add(policy->mounters_ignored, g_strdup("backup-*"));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Neighbours) neighbours = with(ground, &rows[i].mounter);
        g_autofree char *why = neighbours_hinder_purge(neighbours, policy, &asker,
                                                       data_dir);
        if (rows[i].hinders != (why != NULL))
            g_error("row %zu: %s", i, why ? why : "nobody");
        if (why)
            g_assert_true(strstr(why, rows[i].mounter.name) && strstr(why, data_dir));
    }
}

static void s30_its_own_container_hinders_nothing(struct ground *ground,
                                                  gconstpointer unused)
{
    const struct mounter mounter = {"adopted", NULL, "link/fox/data"};
    const struct asker own = {"s1", "c9", "a"};
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(Neighbours) neighbours = with(ground, &mounter);
    g_autofree char *data_dir = in(ground->root, "fox");
    g_autofree char *other = in(ground->root, "fox-2");

    g_assert_null(neighbours_hinder_purge(neighbours, policy, &own, data_dir));
    g_assert_true(neighbours_own_mounts(neighbours, &own, data_dir));
    g_assert_false(neighbours_own_mounts(neighbours, &own, other));
    g_assert_false(neighbours_own_mounts(neighbours, &asker, data_dir));
}

static GPtrArray *sources_in(const struct ground *ground, const char *a, const char *b)
{
    GPtrArray *sources = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(sources, in(ground->top, a));
    if (b)
        g_ptr_array_add(sources, in(ground->top, b));
    return sources;
}

static void s30_no_source_in_or_around_anothers(struct ground *ground,
                                                gconstpointer unused)
{
    static const struct {
        struct mounter mounter;
        const char *source, *data_dir;
        bool hinders;
    } rows[] = {
        {{"other", "s2", "root/fox/data"}, "root/fox/data/x", "", true},
        {{"other", "s2", "link/fox/data"}, "root/fox", "", true},
        {{"other", "s2", "root/fox/data"}, "root/fox/bin", "", false},
        {{"other", "s2", "root/fox/data"}, "root/fox/bin", "link/fox", true},
        {{"other", "s2", "root/shared"}, "link/shared", "root/fox", false}, /* shared */
        {{"other", "s2", .volume = "bound"}, "root/fox/data", "", true},
        {{"legacy", NULL, "root/fox"}, "root/fox/data", "root/fox", false},
        {{"mine", "s1", "root/fox"}, "root/fox/data", "root/fox", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Neighbours) neighbours = with(ground, &rows[i].mounter);
        g_autoptr(GPtrArray) sources = sources_in(ground, rows[i].source, NULL);
        g_autofree char *data_dir = *rows[i].data_dir ? in(ground->top, rows[i].data_dir)
                                                      : g_strdup("");
        g_autofree char *why = neighbours_hinder_sources(neighbours, &asker, sources,
                                                         data_dir);
        if (rows[i].hinders != (why != NULL))
            g_error("row %zu: %s", i, why ? why : "nobody");
    }
}

static bool entangled(const struct ground *ground, const char *a, const char *b)
{
    g_autoptr(GPtrArray) sources = sources_in(ground, a, b);
    g_autofree char *data_dir = in(ground->root, "fox");
    g_autofree char *why = sources_entangled(sources, data_dir);

    return why != NULL;
}

static void s30_no_two_sources_in_one_another(struct ground *ground, gconstpointer unused)
{
    g_assert_false(entangled(ground, "root/fox/bin", "root/fox/data"));
    g_assert_false(entangled(ground, "root/fox", NULL));
    g_assert_false(entangled(ground, "root/fox/data", "root/fox/data"));
    g_assert_true(entangled(ground, "root/fox/data", "link/fox/data/mods"));
    g_assert_true(entangled(ground, "root/fox/data/mods", "link/fox/data"));
    g_assert_true(entangled(ground, "root/fox", "root/fox/data"));
    g_assert_true(entangled(ground, "link", NULL));
}

/* --- Marks ------------------------------------------------------------------------------ */

static const struct owner_name owner = {"agent", "s1"};

static void assert_mark(const struct ground *ground, const struct owner_name *whose,
                        enum mark mark)
{
    g_autofree char *path = in(ground->root, "fox");

    g_assert_cmpint(mark_judge(ground->root, whose, path), ==, mark);
}

static void mark_it(const struct ground *ground, const struct owner_name *whose)
{
    g_autofree char *path = in(ground->root, "fox");
    g_autoptr(GError) error = NULL;

    g_assert_true(mark_make(ground->root, whose, path, &error));
    g_assert_no_error(error);
}

static void s30_a_mark_is_one_servers_and_one_directorys(struct ground *ground,
                                                         gconstpointer unused)
{
    const struct owner_name elsewhere = {"agent-2", "s1"}, other = {"agent", "s2"};
    g_autofree char *path = in(ground->root, "fox");
    g_autofree char *copy = in(ground->root, "fox-1");

    assert_mark(ground, &owner, MARK_NONE);
    mark_it(ground, &owner);
    mark_it(ground, &owner);
    assert_mark(ground, &owner, MARK_FITS);
    assert_mark(ground, &elsewhere, MARK_NONE);
    assert_mark(ground, &other, MARK_NONE);
    g_assert_cmpint(g_rename(path, copy), ==, 0);
    assert_mark(ground, &owner, MARK_NO_DATA);
    make(ground->root, "fox");
    assert_mark(ground, &owner, MARK_ELSEWHERE);
    g_assert_cmpint(g_rmdir(path), ==, 0);
    g_assert_cmpint(symlink(copy, path), ==, 0);
    assert_mark(ground, &owner, MARK_NONE);
    mark_remove(ground->root, &other);
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_rename(copy, path), ==, 0);
    assert_mark(ground, &owner, MARK_FITS);
    mark_remove(ground->root, &owner);
    assert_mark(ground, &owner, MARK_NONE);
}

/* What is not a worker's own file says nothing. */
static void s30_a_forged_mark_is_none(struct ground *ground, gconstpointer unused)
{
    g_autofree char *file = in(ground->root, ".muster/marks/s1.mark");
    g_autofree char *second = in(ground->root, "second");
    struct stat status;

    mark_it(ground, &owner);
    g_assert_cmpint(stat(file, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_assert_cmpint(link(file, second), ==, 0);
    assert_mark(ground, &owner, MARK_NONE);
    g_assert_cmpint(g_unlink(file), ==, 0);
    g_assert_cmpint(symlink(second, file), ==, 0);
    assert_mark(ground, &owner, MARK_NONE);
    g_assert_cmpint(g_unlink(file), ==, 0);
    g_assert_true(g_file_set_contents(file, "no key file", -1, NULL));
    assert_mark(ground, &owner, MARK_NONE);
    mark_it(ground, &owner);
    assert_mark(ground, &owner, MARK_FITS);
}

static bool anothers(const struct ground *ground, const char *server, const char *below,
                     bool around)
{
    g_autofree char *path = in(ground->top, below);
    const struct owner_name asking = {"agent", server};
    g_autofree char *told = mark_of_another(ground->root, &asking, path, around);

    g_assert_true(!told || strstr(told, "server s1 of agent agent"));
    return told != NULL;
}

static void s30_anothers_data_is_known_by_its_mark(struct ground *ground,
                                                   gconstpointer unused)
{
    g_autofree char *path = in(ground->root, "fox");
    g_autofree char *away = in(ground->root, "away");

    mark_it(ground, &owner);
    g_assert_true(anothers(ground, "s2", "link/fox", false));
    g_assert_true(anothers(ground, "s2", "root", false));
    g_assert_true(anothers(ground, "s2", "root/fox/data", true));
    g_assert_false(anothers(ground, "s2", "root/fox/data", false));
    g_assert_false(anothers(ground, "s2", "root/fox-2", true));
    g_assert_false(anothers(ground, "s1", "root/fox", true));
    g_assert_cmpint(g_rename(path, away), ==, 0);
    g_assert_false(anothers(ground, "s2", "root", true)); /* it is no more */
}

/* The file is named by the server alone. */
static void t10_another_agents_mark_stays(struct ground *ground, gconstpointer unused)
{
    const struct owner_name theirs = {"other", "s1"};
    g_autoptr(GError) error = NULL;
    g_autofree char *path = in(ground->root, "fox");
    g_autofree char *told = NULL;

    mark_it(ground, &owner);
    assert_mark(ground, &theirs, MARK_NONE);
    told = mark_of_another(ground->root, &theirs, path, false);
    g_assert_nonnull(told);
    g_assert_false(mark_make(ground->root, &theirs, path, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS);
    mark_remove(ground->root, &theirs);
    assert_mark(ground, &owner, MARK_FITS);
}

static void s30_a_mark_keeps_what_purges_have_left(struct ground *ground,
                                                   gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *left = in(ground->root, ".purge-1");

    mark_it(ground, &owner);
    g_assert_true(mark_note_purge(ground->root, &owner, left, &error));
    g_assert_true(mark_note_purge(ground->root, &owner, left, &error));
    make(ground->root, "other");
    g_autofree char *path = in(ground->root, "other");
    g_assert_true(mark_make(ground->root, &owner, path, &error));
    g_auto(GStrv) purges = mark_purges(ground->root, &owner);
    g_assert_cmpuint(g_strv_length(purges), ==, 1);
    g_assert_cmpstr(purges[0], ==, left);
    mark_remove(ground->root, &owner);
    g_auto(GStrv) none = mark_purges(ground->root, &owner);
    g_assert_cmpuint(g_strv_length(none), ==, 0);
}

static void add(const char *name, void (*test)(struct ground *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/neighbours/", name, NULL);

    g_test_add(path, struct ground, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("s30_places_are_what_they_are", s30_places_are_what_they_are);
    add("s30_everything_lies_in_the_top", s30_everything_lies_in_the_top);
    add("s30_who_mounts_the_data_hinders_a_purge",
        s30_who_mounts_the_data_hinders_a_purge);
    add("s30_its_own_container_hinders_nothing", s30_its_own_container_hinders_nothing);
    add("s30_no_source_in_or_around_anothers", s30_no_source_in_or_around_anothers);
    add("s30_no_two_sources_in_one_another", s30_no_two_sources_in_one_another);
    add("s30_a_mark_is_one_servers_and_one_directorys",
        s30_a_mark_is_one_servers_and_one_directorys);
    add("s30_a_forged_mark_is_none", s30_a_forged_mark_is_none);
    add("s30_anothers_data_is_known_by_its_mark", s30_anothers_data_is_known_by_its_mark);
    add("t10_another_agents_mark_stays", t10_another_agents_mark_stays);
    add("s30_a_mark_keeps_what_purges_have_left", s30_a_mark_keeps_what_purges_have_left);
    return g_test_run();
}
