/*
 * aside.c - writing and reading such names.
 */
#include "aside.h"

#include <glib.h>
#include <string.h>

#define MARK ".old-"

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

char *aside_name(const char *name, const char *command_id, bool ran,
                 const char *restart_policy)
{
    return g_strdup_printf("%s" MARK "%s-%c%s", name, command_id, ran ? 'r' : 's',
                           mark_of(restart_policy));
}

bool aside_parse(const char *container_name, struct aside *ret_aside)
{
    const char *mark = g_strrstr(container_name, MARK);
    if (!mark || mark == container_name)
        return false;
    const char *id = mark + strlen(MARK);
    const char *end = strrchr(id, '-'); /* "-r", "-sa" */
    if (!end || end == id || (end[1] != 'r' && end[1] != 's') || !policy_of(end + 2))
        return false;
    ret_aside->name = g_strndup(container_name, (gsize)(mark - container_name));
    ret_aside->command_id = g_strndup(id, (gsize)(end - id));
    ret_aside->ran = end[1] == 'r';
    ret_aside->restart_policy = policy_of(end + 2);
    return true;
}

void aside_clear(struct aside *aside)
{
    g_clear_pointer(&aside->name, g_free);
    g_clear_pointer(&aside->command_id, g_free);
}
