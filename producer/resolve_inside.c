/*
 * resolve_inside.c - what a profile says of the inside of its container.
 */
#include "resolve_inside.h"

#include "resolve.h"
#include "rows.h"

static bool take_text(const struct filling *at, const json_t *object, const char *field,
                      char **text, GError **error)
{
    g_autofree char *filled = fill_member(at, object, field, "", error);

    if (filled)
        row_set(text, filled);
    return filled != NULL;
}

static bool resolve_process(const struct filling *at, GError **error)
{
    const json_t *profile = at->profile;
    struct spec *spec = at->spec;

    spec->open_stdin = fill_flag(profile, "stdin", false);
    spec->tty = fill_flag(profile, "tty", false);
    return take_text(at, profile, "owner", &spec->owner, error) &&
           take_text(at, profile, "user", &spec->user, error) &&
           take_text(at, profile, "hostname", &spec->hostname, error) &&
           fill_texts(at, "entrypoint", json_object_get(profile, "entrypoint"),
                      spec->entrypoint, error) &&
           fill_texts(at, "command", json_object_get(profile, "command"), spec->command,
                      error) &&
           fill_number(at, profile, "shm_bytes", &spec->shm_bytes, error);
}

static bool resolve_tmpfs(const struct filling *at, const json_t *item, GError **error)
{
    struct tmpfs *tmpfs = tmpfs_new("");

    g_ptr_array_add(at->spec->tmpfs, tmpfs);
    tmpfs->exec = fill_flag(item, "exec", false);
    return take_text(at, item, "container_path", &tmpfs->container_path, error) &&
           take_text(at, item, "mode", &tmpfs->mode, error) &&
           fill_number(at, item, "size_bytes", &tmpfs->size_bytes, error);
}

/* Without a hard limit the soft one is both. */
static bool resolve_ulimit(const struct filling *at, const json_t *item, GError **error)
{
    struct ulimit *ulimit = ulimit_new("", 0, 0);
    const bool has_hard = json_object_get(item, "hard") != NULL;

    g_ptr_array_add(at->spec->ulimits, ulimit);
    return take_text(at, item, "name", &ulimit->name, error) &&
           fill_number(at, item, "soft", &ulimit->soft, error) &&
           fill_number(at, item, has_hard ? "hard" : "soft", &ulimit->hard, error);
}

static bool resolve_volume(const struct filling *at, const json_t *item, GError **error)
{
    struct volume *volume = volume_new("", "");

    g_ptr_array_add(at->spec->volumes, volume);
    volume->read_only = fill_flag(item, "read_only", false);
    return take_text(at, item, "name", &volume->name, error) &&
           take_text(at, item, "container_path", &volume->container_path, error);
}

static bool resolve_logging(const struct filling *at, GError **error)
{
    const json_t *logging = json_object_get(at->profile, "logging");
    struct logging *to = at->spec->logging;

    return take_text(at, logging, "driver", &to->driver, error) &&
           fill_pairs(at, json_object_get(logging, "options"), to->options, error);
}

/* A list is a program and its arguments, a string a line for the image's shell. */
static bool resolve_test(const struct filling *at, const json_t *health, GError **error)
{
    const json_t *test = json_object_get(health, "test");
    GPtrArray *to = at->spec->health->test;

    if (fill_flag(health, "off", false)) {
        g_ptr_array_add(to, g_strdup("NONE"));
        return !test || fill_complain(error, RESOLVE_ERROR_PROFILE,
                                      "profile: health: has a test, and is off");
    }
    if (!test)
        return true;
    g_ptr_array_add(to, g_strdup(json_is_array(test) ? "CMD" : "CMD-SHELL"));
    if (json_is_array(test))
        return fill_texts(at, "health.test", test, to, error);
    char *line = fill_member(at, health, "test", NULL, error);
    if (line)
        g_ptr_array_add(to, line);
    return line != NULL;
}

static bool resolve_health(const struct filling *at, GError **error)
{
    const json_t *health = json_object_get(at->profile, "health");
    struct health_check *to = at->spec->health;

    return resolve_test(at, health, error) &&
           fill_number(at, health, "interval_s", &to->interval_s, error) &&
           fill_number(at, health, "timeout_s", &to->timeout_s, error) &&
           fill_number(at, health, "start_period_s", &to->start_period_s, error) &&
           fill_number(at, health, "retries", &to->retries, error);
}

bool resolve_inside(const struct filling *at, GError **error)
{
    return resolve_process(at, error) && fill_list(at, "tmpfs", resolve_tmpfs, error) &&
           fill_list(at, "ulimits", resolve_ulimit, error) &&
           resolve_logging(at, error) && resolve_health(at, error) &&
           fill_list(at, "volumes", resolve_volume, error) &&
           fill_texts(at, "disposable", json_object_get(at->profile, "disposable"),
                      at->spec->disposable, error);
}
