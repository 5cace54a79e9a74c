/*
 * directories.c - lists the data roots, each whole or not at all.
 */
#include "directories.h"

#include "host.h"
#include "shape.h"

#include <gio/gio.h>

/* NULL: not whole. */
static GPtrArray *list_root(const char *root, GError **error)
{
    g_autoptr(GPtrArray) names = host_list_data(root, DIRECTORIES_MOST + 1, error);
    if (names && names->len > DIRECTORIES_MOST) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s holds more than %d", root,
                    DIRECTORIES_MOST);
        return NULL;
    }
    return g_steal_pointer(&names);
}

static void add_root(GPtrArray *all, GString *left_out, const char *root)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = list_root(root, &error);
    if (!names)
        g_string_append_printf(left_out, "%sdirectories that are not listed: %s",
                               left_out->len ? "; " : "", error->message);
    for (guint i = 0; names && i < names->len; i++) {
        struct found *found = found_new();
        g_free(found->name);
        found->name = g_build_filename(root, g_ptr_array_index(names, i), NULL);
        g_ptr_array_add(all, found);
    }
}

GPtrArray *directories_list(const GPtrArray *roots, char **ret_left_out)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(shape_found.free);
    GString *left_out = g_string_new("");
    for (guint i = 0; i < roots->len; i++)
        add_root(all, left_out, g_ptr_array_index(roots, i));
    *ret_left_out = left_out->len ? g_strdup(left_out->str) : NULL;
    g_string_free(left_out, TRUE);
    return all;
}
