/*
 * test_keep.c - which volumes the next container of a server gets.
 */
#include "keep.h"

#include "seen.h"

static GPtrArray *places(const char *words)
{
    GPtrArray *places = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) word = g_strsplit(words, " ", -1);
    for (char **next = word; *next && **next; next++)
        g_ptr_array_add(places, g_strdup(*next));
    return places;
}

/* "volume NAME /place" or "bind SOURCE /place", with commas between. */
static struct container *mounting(const char *words)
{
    struct container *seen = seen_new("exited");
    g_auto(GStrv) mounts = g_strsplit(words, ", ", -1);
    for (char **mount = mounts; *mount && **mount; mount++) {
        g_auto(GStrv) word = g_strsplit(*mount, " ", 3);
        const bool bind = g_str_equal(word[0], "bind");
        g_ptr_array_add(seen->mounts, mounted_new(word[0], bind ? "" : word[1],
                                                  bind ? word[1] : "", word[2], false));
    }
    return seen;
}

static char *text_of(const GPtrArray *volumes)
{
    GString *text = g_string_new("");
    for (guint i = 0; i < volumes->len; i++) {
        const struct volume *volume = g_ptr_array_index(volumes, i);
        g_string_append_printf(text, "%s%s=%s", i ? " " : "", volume->container_path,
                               volume->name);
    }
    return g_string_free(text, FALSE);
}

#define OWN      "muster-server-1-" /* and a digest of the place */
#define OWN_DATA OWN "bd47413b5c03"

static const struct {
    const char *name, *mounted, *image, *spec;
    bool fresh;
    const char *volumes;
} rows[] = {
    {"nothing", "", "", "/data", false, ""},
    {"what the image wants has a name of ours", "", "/data", "", false,
     "/data=" OWN_DATA},
    {"what the record mounts is none", "", "/data", "/data", false, ""},
    {"an anonymous one goes on", "volume v1 /data", "/data", "", false, "/data=v1"},
    {"whatever the image says by now", "volume v1 /data", "", "/more", false, "/data=v1"},
    {"binds are the record's", "bind /srv/a /data", "", "", false, ""},
    {"where the record has a mount, too", "volume v1 /data", "", "/data", false,
     "/data=v1"},
    {"but afresh the record's is taken", "volume v1 /data", "", "/data", true, ""},
    {"and nothing else is left out", "volume v1 /data, volume v2 /more", "", "/data",
     true, "/more=v2"},
};

static void s29_volumes_go_on(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Command) command = seen_command("rebuild");
        g_autoptr(Container) seen = mounting(rows[i].mounted);
        g_autoptr(GPtrArray) image = places(rows[i].image);
        g_autoptr(GPtrArray) kept = NULL;
        if (*rows[i].spec)
            g_ptr_array_add(command->spec->mounts, mount_new("/srv/a", rows[i].spec));
        command->options->fresh = rows[i].fresh;
        keep_note(&kept, seen);
        g_autoptr(GPtrArray) volumes = keep_volumes(command, kept, image);
        g_autofree char *text = text_of(volumes);
        g_test_message("%s", rows[i].name);
        g_assert_cmpstr(text, ==, rows[i].volumes);
    }
}

static void s29_the_first_that_is_seen_counts(void)
{
    g_autoptr(Container) old = mounting("volume v1 /data");
    g_autoptr(Container) new = mounting("volume v2 /data, volume v3 /more");
    g_autoptr(GPtrArray) kept = NULL;
    keep_note(&kept, old);
    keep_note(&kept, new);
    g_autofree char *text = text_of(kept);
    g_assert_cmpstr(text, ==, "/data=v1 /more=v3");
}

/* The record's word for what it had still counts then. */
static void s34_one_that_is_no_more_tells_nothing(void)
{
    g_autoptr(Container) absent = container_new();
    GPtrArray *kept = NULL;
    keep_note(&kept, absent);
    g_assert_null(kept);
}

static void names(void)
{
    g_autofree char *long_name = g_strnfill(64, 'a');
    g_autofree char *plain = keep_volume_name("server-1", "/data");
    g_autofree char *odd = keep_volume_name("a/b c", "/data");
    g_assert_cmpstr(plain, ==, OWN_DATA);
    g_assert_true(g_str_has_prefix(odd, "muster-") && !strpbrk(odd, "/ "));
    g_assert_true(keep_is_anonymous(long_name));
    g_assert_false(keep_is_anonymous("aaaa"));
    long_name[3] = 'x';
    g_assert_false(keep_is_anonymous(long_name));
}

/* "+/path" added, "~/path" changed, "-/path" deleted. */
static char *changes_of(const char *words)
{
    GString *text = g_string_new("[");
    g_auto(GStrv) word = g_strsplit(words, " ", -1);
    for (char **next = word; *next && **next; next++)
        g_string_append_printf(text, "%s{\"Path\": \"%s\", \"Kind\": %d}",
                               next == word ? "" : ",", *next + 1,
                               **next == '~'   ? 0
                               : **next == '+' ? 1
                                               : 2);
    g_string_append(text, "]");
    return g_string_free(text, FALSE);
}

static const struct {
    const char *name, *mounted, *changes;
    bool unlabelled;
    enum maybe data;
    const char *place; /* NULL: nothing is elsewhere */
} elsewhere[] = {
    {"nothing", "", "", false, MAYBE_NO, NULL},
    {"a file of its own", "", "~/srv +/srv/game +/srv/game/a.sav", false, MAYBE_YES,
     "/srv/game/a.sav"},
    {"a file of the image, changed", "", "~/srv ~/srv/a.sav", false, MAYBE_YES,
     "/srv/a.sav"},
    {"what was deleted", "", "~/srv -/srv/a.sav", false, MAYBE_YES, NULL},
    {"scratch and logs", "",
     "~/tmp +/tmp/x ~/var ~/var/log +/var/log/a ~/etc +/etc/hosts", false, MAYBE_YES,
     NULL},
    {"no scratch by its name", "", "+/tmpfiles", false, MAYBE_YES, "/tmpfiles"},
    {"what the profile lets go", "", "~/home +/home/steam +/home/steam/Steam", false,
     MAYBE_YES, NULL},
    {"a place of a mount", "volume v /data", "+/data", false, MAYBE_YES, NULL},
    {"the record's bind", "bind /srv/a /data", "", true, MAYBE_YES, NULL},
    {"a bind in it", "bind /srv/a/b /data", "", true, MAYBE_YES, NULL},
    {"another bind", "bind /srv/ab /data", "", true, MAYBE_YES, "/srv/ab (/data inside)"},
    {"one that we have made, of an older record", "bind /srv/ab /data", "", false,
     MAYBE_NO, "/srv/ab (/data inside)"},
    {"likewise, and the data was brought along", "bind /srv/ab /data", "", false,
     MAYBE_YES, NULL},
};

static void s29_what_is_elsewhere_is_named(void)
{
    g_autoptr(Spec) spec = spec_new();
    g_ptr_array_add(spec->mounts, mount_new("/srv/a", "/home/a"));
    g_ptr_array_add(spec->disposable, g_strdup("/home/steam/Steam"));
    for (size_t i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
        g_autoptr(Container) seen = mounting(elsewhere[i].mounted);
        g_autofree char *changes = changes_of(elsewhere[i].changes);
        seen->managed = !elsewhere[i].unlabelled;
        g_autofree char *why = keep_elsewhere(seen, spec, elsewhere[i].data, changes,
                                              strlen(changes));
        g_test_message("%s: %s", elsewhere[i].name, why ? why : "nothing");
        g_assert_true(elsewhere[i].place ? why && strstr(why, elsewhere[i].place) : !why);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keep/s29_volumes_go_on", s29_volumes_go_on);
    g_test_add_func("/keep/s29_the_first_that_is_seen_counts",
                    s29_the_first_that_is_seen_counts);
    g_test_add_func("/keep/s34_one_that_is_no_more_tells_nothing",
                    s34_one_that_is_no_more_tells_nothing);
    g_test_add_func("/keep/s29_what_is_elsewhere_is_named",
                    s29_what_is_elsewhere_is_named);
    g_test_add_func("/keep/names", names);
    return g_test_run();
}
