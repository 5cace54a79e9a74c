/*
 * schema_text.c - the schemas that are compiled in, as they stand in the .avsc files.
 */
#include "schema.h"

#include "muster_schemas.h" /* made by glib-compile-resources */

#include <gio/gio.h>
#include <string.h>

const char *schema_text(const char *name)
{
    g_autofree char *path = g_strdup_printf("/muster/schemas/%s.avsc", name);
    g_autoptr(GBytes) text = g_resource_lookup_data(muster_schemas_get_resource(), path,
                                                    G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

    g_assert(text);
    return g_bytes_get_data(text, NULL); /* a part of the program, with a NUL behind it */
}

char **schema_history(const char *name)
{
    g_autofree char *folder = g_strdup_printf("/muster/schemas/history/%s", name);
    g_auto(GStrv) files = g_resource_enumerate_children(
        muster_schemas_get_resource(), folder, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();

    for (size_t i = 0; files && files[i]; i++) {
        g_autofree char *stem = g_strndup(files[i], strcspn(files[i], "."));
        g_autofree char *path = g_strdup_printf("history/%s/%s", name, stem);
        g_strv_builder_add(names, path);
    }
    return g_strv_builder_end(names);
}
