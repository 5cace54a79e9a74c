/*
 * inside.c - is what a spec says of the inside of its container fit to be asked for?
 *
 * Nothing here asks for a privilege: limits that would let a process take the host's CPUs
 * (nice, rtprio) and log drivers that send to other machines are no words of ours, and the
 * options of a driver that print the environment are none either.
 */
#include "inside.h"

#include <string.h>

#define ID_MAX   2147483646 /* uid_t's -1 means "leave it" to chown(2) */
#define HOST_MAX 63         /* HOST_NAME_MAX is 64; a label of DNS is 63 */
#define SPAN_MAX (24 * 3600)

typedef bool (*rule)(const struct spec *spec, char **ret_wrong);

static bool G_GNUC_PRINTF(2, 3) wrong(char **ret_wrong, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    *ret_wrong = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return false;
}

static bool matches(const char *text, const char *grammar)
{
    return g_regex_match_simple(grammar, text, G_REGEX_RAW | G_REGEX_DOLLAR_ENDONLY, 0);
}

/* Absolute, without "..", ".", "//", control characters and a slash at its end. */
static bool is_plain_path(const char *path)
{
    return matches(path, "\\A(?:/(?!\\.{1,2}(?:/|$))[^/\\x00-\\x1f\\x7f]+)+$") &&
           strlen(path) <= 1024;
}

static bool too_many(const GPtrArray *entries, const char *field, char **ret_wrong)
{
    return entries->len > INSIDE_ENTRIES_MAX &&
           !wrong(ret_wrong, "%s: %u of them; %d is the most", field, entries->len,
                  INSIDE_ENTRIES_MAX);
}

/* --- Who runs, and what ---------------------------------------------------------------- */

bool inside_owner(const char *text, int64_t *ret_uid, int64_t *ret_gid)
{
    g_auto(GStrv) halves = g_strsplit(text, ":", 2);
    gint64 uid, gid;

    if (!matches(text, "\\A[0-9]+:[0-9]+$") ||
        !g_ascii_string_to_signed(halves[0], 10, 0, ID_MAX, &uid, NULL) ||
        !g_ascii_string_to_signed(halves[1], 10, 0, ID_MAX, &gid, NULL))
        return false;
    *ret_uid = uid;
    *ret_gid = gid;
    return true;
}

bool inside_user(const char *text, int64_t *ret_uid, int64_t *ret_gid)
{
    g_auto(GStrv) halves = g_strsplit(*text ? text : "0", ":", 2);
    gint64 uid = 0, gid = -1;

    if (!g_str_equal(halves[0], "root") &&
        !g_ascii_string_to_signed(halves[0], 10, 0, ID_MAX, &uid, NULL))
        return false;
    if (!halves[1] || !g_ascii_string_to_signed(halves[1], 10, 0, ID_MAX, &gid, NULL))
        gid = -1;
    *ret_uid = uid;
    *ret_gid = gid;
    return true;
}

static bool owner_is_right(const struct spec *spec, char **ret_wrong)
{
    int64_t uid, gid;

    return *spec->owner == '\0' || inside_owner(spec->owner, &uid, &gid) ||
           wrong(ret_wrong,
                 "owner: '%.100s' is no uid:gid in numbers, such as 1000:1000: names are "
                 "the image's, and the host does not know them",
                 spec->owner);
}

static bool user_is_right(const struct spec *spec, char **ret_wrong)
{
    return *spec->user == '\0' ||
           matches(spec->user, "\\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
                               "(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$") ||
           wrong(
               ret_wrong,
               "user: '%.100s' is no user or user:group, by name or number, such as 1000:1000",
               spec->user);
}

static bool argv_is_right(const GPtrArray *argv, const char *field, char **ret_wrong)
{
    size_t bytes = 0;

    for (guint i = 0; i < argv->len; i++)
        bytes += strlen(g_ptr_array_index(argv, i)) + 1;
    return bytes <= INSIDE_ARGS_MAX ||
           wrong(ret_wrong, "%s: larger than %d KiB", field, INSIDE_ARGS_MAX / 1024);
}

static bool argvs_are_right(const struct spec *spec, char **ret_wrong)
{
    if (spec->entrypoint->len > 0 &&
        *(const char *)g_ptr_array_index(spec->entrypoint, 0) == '\0')
        return wrong(ret_wrong, "entrypoint: names no program");
    return argv_is_right(spec->entrypoint, "entrypoint", ret_wrong) &&
           argv_is_right(spec->command, "command", ret_wrong);
}

static bool hostname_is_right(const struct spec *spec, char **ret_wrong)
{
    const char *name = spec->hostname;

    return *name == '\0' ||
           (strlen(name) <= HOST_MAX &&
            matches(name, "\\A(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)"
                          "(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$")) ||
           wrong(
               ret_wrong,
               "hostname: '%.100s' is no host's name: at most %d letters, digits, '-' and "
               "'.', each part beginning and ending in a letter or digit",
               name, HOST_MAX);
}

/* --- Its limits ------------------------------------------------------------------------ */

static bool shm_is_right(const struct spec *spec, char **ret_wrong)
{
    return spec->shm_bytes >= 0 ||
           wrong(ret_wrong, "shm_bytes: %" G_GINT64_FORMAT " is less than nothing",
                 spec->shm_bytes);
}

static bool is_within(int64_t soft, int64_t hard)
{
    return hard == -1 || (soft != -1 && soft <= hard);
}

static bool ulimit_is_right(const struct ulimit *ulimit, char **ret_wrong)
{
    static const char *const names[] = {
        "core",   "cpu",   "data", "fsize",      "locks", "memlock", "msgqueue",
        "nofile", "nproc", "rss",  "sigpending", "stack", NULL};
    if (!g_strv_contains(names, ulimit->name)) {
        g_autofree char *known = g_strjoinv(", ", (char **)names);
        return wrong(ret_wrong, "ulimits: '%.100s' is none of %s", ulimit->name, known);
    }
    if (ulimit->soft < -1 || ulimit->hard < -1 || !is_within(ulimit->soft, ulimit->hard))
        return wrong(
            ret_wrong,
            "ulimits: %s: soft %" G_GINT64_FORMAT " and hard %" G_GINT64_FORMAT
            " do not fit: neither below -1, which is no limit, and soft at most hard",
            ulimit->name, ulimit->soft, ulimit->hard);
    return true;
}

static bool ulimits_are_right(const struct spec *spec, char **ret_wrong)
{
    const GPtrArray *ulimits = spec->ulimits;
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    if (too_many(ulimits, "ulimits", ret_wrong))
        return false;
    for (guint i = 0; i < ulimits->len; i++) {
        const struct ulimit *ulimit = g_ptr_array_index(ulimits, i);
        if (!ulimit_is_right(ulimit, ret_wrong))
            return false;
        if (!g_hash_table_add(names, ulimit->name))
            return wrong(ret_wrong, "ulimits: %s is given twice", ulimit->name);
    }
    return true;
}

/* --- What it prints, and how it is --------------------------------------------------------- */

static bool logging_is_right(const struct spec *spec, char **ret_wrong)
{
    static const char *const drivers[] = {"",         "json-file", "local",
                                          "journald", "none",      NULL};
    static const char *const names[] = {"max-size", "max-file", "compress",        "tag",
                                        "labels",   "mode",     "max-buffer-size", NULL};
    const struct logging *logging = spec->logging;

    if (!g_strv_contains(drivers, logging->driver))
        return wrong(
            ret_wrong,
            "logging: driver: '%.100s' is none of json-file, local, journald, none",
            logging->driver);
    if (*logging->driver == '\0' && logging->options->len > 0)
        return wrong(ret_wrong,
                     "logging: options: which ones there are depends on the driver, "
                     "and none is given");
    for (guint i = 0; i < logging->options->len; i++) {
        const struct pair *option = g_ptr_array_index(logging->options, i);
        if (!g_strv_contains(names, option->key)) {
            g_autofree char *known = g_strjoinv(", ", (char **)names);
            return wrong(ret_wrong, "logging: options: '%.100s' is none of %s",
                         option->key, known);
        }
    }
    return true;
}

/* Docker's own three forms, and nothing, which is the image's. */
static bool test_is_right(const GPtrArray *test)
{
    const char *form = test->len > 0 ? g_ptr_array_index(test, 0) : "";
    const char *first = test->len > 1 ? g_ptr_array_index(test, 1) : "";

    if (test->len == 0 || g_str_equal(form, "NONE"))
        return test->len <= 1;
    return *first != '\0' && (g_str_equal(form, "CMD") ||
                              (g_str_equal(form, "CMD-SHELL") && test->len == 2));
}

static bool health_is_right(const struct spec *spec, char **ret_wrong)
{
    const struct health_check *health = spec->health;
    const int64_t numbers[] = {health->interval_s, health->timeout_s,
                               health->start_period_s, health->retries};

    if (!test_is_right(health->test))
        return wrong(ret_wrong,
                     "health: test: is neither CMD and a program with its arguments, "
                     "nor CMD-SHELL and one line, nor NONE");
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        if (numbers[i] < 0 || numbers[i] > SPAN_MAX)
            return wrong(ret_wrong,
                         "health: %" G_GINT64_FORMAT
                         " is not between 0 and %d seconds (or "
                         "retries)",
                         numbers[i], SPAN_MAX);
    return argv_is_right(health->test, "health: test", ret_wrong);
}

/* --- What lies where ----------------------------------------------------------------------- */

static bool tmpfs_is_right(const struct spec *spec, char **ret_wrong)
{
    if (too_many(spec->tmpfs, "tmpfs", ret_wrong))
        return false;
    for (guint i = 0; i < spec->tmpfs->len; i++) {
        const struct tmpfs *tmpfs = g_ptr_array_index(spec->tmpfs, i);
        if (!is_plain_path(tmpfs->container_path))
            return wrong(ret_wrong,
                         "tmpfs: '%.200s' is no plain absolute path in the container",
                         tmpfs->container_path);
        if (tmpfs->size_bytes < 0)
            return wrong(ret_wrong,
                         "tmpfs: %s: a size of %" G_GINT64_FORMAT " is less than nothing",
                         tmpfs->container_path, tmpfs->size_bytes);
        if (*tmpfs->mode != '\0' && !matches(tmpfs->mode, "\\A[0-7]{3,4}$"))
            return wrong(ret_wrong,
                         "tmpfs: %s: mode '%.20s' is no octal one such as 1777",
                         tmpfs->container_path, tmpfs->mode);
    }
    return true;
}

/* Docker's own grammar for the name of a volume. */
static bool volumes_are_right(const struct spec *spec, char **ret_wrong)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    if (too_many(spec->volumes, "volumes", ret_wrong))
        return false;
    for (guint i = 0; i < spec->volumes->len; i++) {
        const struct volume *volume = g_ptr_array_index(spec->volumes, i);
        if (!matches(volume->name, "\\A[A-Za-z0-9][A-Za-z0-9_.-]{1,127}$"))
            return wrong(ret_wrong,
                         "volumes: '%.200s' is no volume's name: 2 to 128 of "
                         "A-Za-z0-9_.-, the first a letter or digit",
                         volume->name);
        if (!is_plain_path(volume->container_path))
            return wrong(ret_wrong,
                         "volumes: %s: '%.200s' is no plain absolute path in the "
                         "container",
                         volume->name, volume->container_path);
        if (!g_hash_table_add(names, volume->name))
            return wrong(ret_wrong, "volumes: %s is named twice", volume->name);
    }
    return true;
}

static bool take_path(GHashTable *paths, char *path, char **ret_wrong)
{
    return g_hash_table_add(paths, path) ||
           wrong(ret_wrong,
                 "%s: two of mounts, tmpfs and volumes are at this path of the "
                 "container",
                 path);
}

static bool paths_are_apart(const struct spec *spec, char **ret_wrong)
{
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(spec->mounts, i);
        if (!take_path(paths, mount->container_path, ret_wrong))
            return false;
    }
    for (guint i = 0; i < spec->tmpfs->len; i++) {
        const struct tmpfs *tmpfs = g_ptr_array_index(spec->tmpfs, i);
        if (!take_path(paths, tmpfs->container_path, ret_wrong))
            return false;
    }
    for (guint i = 0; i < spec->volumes->len; i++) {
        const struct volume *volume = g_ptr_array_index(spec->volumes, i);
        if (!take_path(paths, volume->container_path, ret_wrong))
            return false;
    }
    return true;
}

bool inside_check(const struct spec *spec, char **ret_wrong)
{
    static const rule rules[] = {
        owner_is_right, user_is_right,     argvs_are_right,  hostname_is_right,
        shm_is_right,   ulimits_are_right, logging_is_right, health_is_right,
        tmpfs_is_right, volumes_are_right, paths_are_apart,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (!rules[i](spec, ret_wrong))
            return false;
    return true;
}
