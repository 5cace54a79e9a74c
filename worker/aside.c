/*
 * aside.c - writing and reading such names.
 */
#include "aside.h"

#include <glib.h>
#include <string.h>

#define MARK      ".old-"
#define GONE      ".gone-"
#define GONE_ID   12     /* hex digits, as `docker ps` shows them */
#define RETRIES   'f'    /* the mark of the policy that has a count */
#define COUNT_MAX 100000 /* nobody waits for more restarts */

static const struct {
    const char *mark;
    const char *restart_policy;
} policies[] = {
    {"a", "always"}, {"f", "on-failure"}, {"n", "no"}, {"", "unless-stopped"}};

/* The engine says "" for the "no" of a container that was made without one. */
static const char *mark_of(const char *restart_policy)
{
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        if (g_str_equal(policies[i].restart_policy, restart_policy))
            return policies[i].mark;
    }
    return "n";
}

static const char *policy_of(const char *mark)
{
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        if (g_str_equal(policies[i].mark, mark))
            return policies[i].restart_policy;
    }
    return NULL;
}

/* "f5": on-failure, five times. */
static bool read_policy(const char *mark, struct aside *aside)
{
    guint64 count = 0;
    const bool counted = *mark == RETRIES && mark[1] != '\0';
    if (counted && !g_ascii_string_to_unsigned(mark + 1, 10, 1, COUNT_MAX, &count, NULL))
        return false;
    aside->restart_policy = policy_of(counted ? "f" : mark);
    aside->restart_retries = (int64_t)count;
    return aside->restart_policy != NULL;
}

char *aside_name(const char *name, const char *command_id, bool ran,
                 const char *restart_policy, int64_t restart_retries)
{
    const char *mark = mark_of(restart_policy);
    const bool counted = *mark == RETRIES && restart_retries > 0;
    g_autofree char *count = counted ? g_strdup_printf("%" G_GINT64_FORMAT,
                                                       MIN(restart_retries, COUNT_MAX))
                                     : g_strdup("");
    return g_strdup_printf("%s" MARK "%s-%c%s%s", name, command_id, ran ? 'r' : 's', mark,
                           count);
}

bool aside_parse(const char *container_name, struct aside *ret_aside)
{
    struct aside aside = {0};
    const char *mark = g_strrstr(container_name, MARK);
    if (!mark || mark == container_name)
        return false;
    const char *id = mark + strlen(MARK);
    const char *end = strrchr(id, '-'); /* "-r", "-sa", "-rf5" */
    if (!end || end == id || (end[1] != 'r' && end[1] != 's') ||
        !read_policy(end + 2, &aside))
        return false;
    aside.name = g_strndup(container_name, (gsize)(mark - container_name));
    aside.command_id = g_strndup(id, (gsize)(end - id));
    aside.ran = end[1] == 'r';
    *ret_aside = aside;
    return true;
}

void aside_clear(struct aside *aside)
{
    g_clear_pointer(&aside->name, g_free);
    g_clear_pointer(&aside->command_id, g_free);
}

/* --- what only has to go ------------------------------------------------------------------ */

char *aside_gone_name(const char *name, const char *container_id)
{
    g_autofree char *original = aside_original(name);
    return g_strdup_printf("%s" GONE "%.*s", original ? original : name, GONE_ID,
                           container_id);
}

static const char *gone_mark(const char *container_name)
{
    const char *mark = g_strrstr(container_name, GONE);
    const char *id = mark ? mark + strlen(GONE) : "";
    const size_t digits = strspn(id, "0123456789abcdef");
    return mark != container_name && digits > 0 && digits <= GONE_ID && !id[digits]
               ? mark
               : NULL;
}

bool aside_is_gone(const char *container_name, const char *container_id)
{
    const char *mark = gone_mark(container_name);
    return mark && g_str_has_prefix(container_id, mark + strlen(GONE));
}

char *aside_original(const char *container_name)
{
    struct aside aside = {0};
    const char *mark = gone_mark(container_name);
    if (mark)
        return g_strndup(container_name, (gsize)(mark - container_name));
    if (!aside_parse(container_name, &aside))
        return NULL;
    g_free(aside.command_id);
    return aside.name;
}
