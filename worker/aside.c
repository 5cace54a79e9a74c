/*
 * aside.c - writing and reading such names.
 */
#include "aside.h"

#include <glib.h>
#include <string.h>

#define MARK ".old-"

char *aside_name(const char *name, const char *command_id, bool ran)
{
    return g_strdup_printf("%s" MARK "%s-%c", name, command_id, ran ? 'r' : 's');
}

bool aside_parse(const char *container_name, struct aside *ret_aside)
{
    const char *mark = g_strrstr(container_name, MARK);
    const size_t length = strlen(container_name);
    if (!mark || mark == container_name)
        return false;
    const char *id = mark + strlen(MARK);
    const char *end = container_name + length - 2; /* "-r" */
    if (end <= id || *end != '-' || !strchr("rs", end[1]))
        return false;
    ret_aside->name = g_strndup(container_name, (gsize)(mark - container_name));
    ret_aside->command_id = g_strndup(id, (gsize)(end - id));
    ret_aside->ran = end[1] == 'r';
    return true;
}

void aside_clear(struct aside *aside)
{
    g_clear_pointer(&aside->name, g_free);
    g_clear_pointer(&aside->command_id, g_free);
}
