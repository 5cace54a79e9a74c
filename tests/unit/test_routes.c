/*
 * test_routes.c - the table of routes against web/openapi.json: neither promises what the
 * other does not have.
 */
#include "api_parts.h"
#include "api_wish.h"

#include <string.h>

static json_t *openapi(void)
{
    json_error_t error;
    json_t *json = json_load_file(OPENAPI, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        g_error("%s: %s", OPENAPI, error.text);
    return json;
}

static json_t *operation_of(json_t *document, const struct route *route)
{
    g_autofree char *method = g_ascii_strdown(route->method, -1);
    json_t *path = json_object_get(json_object_get(document, "paths"), route->path);
    return json_object_get(path, method);
}

static void each_route_is_told(void)
{
    json_auto_t *document = openapi();
    for (size_t i = 0; i < api_n_routes; i++) {
        const struct route *route = &api_routes[i];
        json_t *operation = operation_of(document, route);
        g_test_message("%s %s", route->method, route->path);
        g_assert_nonnull(operation);
        g_assert_cmpstr(json_string_value(json_object_get(operation, "operationId")), ==,
                        route->operation);
        g_assert_cmpstr(json_string_value(json_object_get(operation, "x-role")), ==,
                        role_name(route->role));
        /* Without a token only what says so: an empty list of schemes. */
        g_assert_true((json_object_get(operation, "security") != NULL) ==
                      (route->role == ROLE_NONE));
    }
}

static void each_operation_has_a_route(void)
{
    json_auto_t *document = openapi();
    size_t count = 0;
    const char *path;
    json_t *methods;
    json_object_foreach(json_object_get(document, "paths"), path, methods)
        count += json_object_size(methods);
    g_assert_cmpint(count, ==, api_n_routes);
}

/* No two routes answer the same request. */
static void routes_differ(void)
{
    for (size_t i = 0; i < api_n_routes; i++)
        for (size_t j = i + 1; j < api_n_routes; j++)
            g_assert_false(g_str_equal(api_routes[i].path, api_routes[j].path) &&
                           g_str_equal(api_routes[i].method, api_routes[j].method));
}

/* --- Requests ------------------------------------------------------------------------------ */

static const struct {
    const char *schema;
    const struct ask_table *table;
} requests[] = {
    {"ServerNew", &wish_server_new},
    {"ServerChange", &wish_server_change},
    {"Adopt", &wish_adopt},
    {"Start", &wish_start},
    {"Replace", &wish_replace},
    {"Restore", &wish_restore},
    {"Stop", &wish_stop},
    {"Cancel", &wish_cancel},
    {"Sync", &wish_sync},
    {"AgentNew", &wish_agent_new},
    {"AgentChange", &wish_agent_change},
    {"Reason", &wish_reason},
    {"Rebind", &wish_rebind},
};

static json_t *schema_of(json_t *document, const char *name)
{
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    return json_object_get(schemas, name);
}

static bool is_listed(const json_t *list, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i,
                       item) if (g_str_equal(json_string_value(item), name)) return true;
    return false;
}

static void fields_are_told(void)
{
    json_auto_t *document = openapi();
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        json_t *schema = schema_of(document, requests[i].schema);
        json_t *properties = json_object_get(schema, "properties");
        const struct ask_table *table = requests[i].table;
        g_test_message("%s", requests[i].schema);
        g_assert_cmpint(json_object_size(properties), ==, table->count);
        g_assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
        for (size_t j = 0; j < table->count; j++) {
            const struct ask_field *field = &table->fields[j];
            const json_t *property = json_object_get(properties, field->name);
            g_assert_nonnull(property);
            g_assert_true(field->required ==
                          is_listed(json_object_get(schema, "required"), field->name));
            if (field->kind == ASK_NUMBER) {
                g_assert_cmpint(json_integer_value(json_object_get(property, "minimum")),
                                ==, field->minimum);
                g_assert_cmpint(json_integer_value(json_object_get(property, "maximum")),
                                ==, field->maximum);
            }
        }
    }
}

/* --- Rows ----------------------------------------------------------------------------------- */

static const struct {
    const char *schema;
    const struct table *table;
    const char *added[12]; /* by view.c */
} rows[] = {
    {"Agent", &table_agents, {"online", "workers", "not_read", "clock_skew_ms"}},
    {"Worker", &table_workers, {"there"}},
    {"Server",
     &table_servers,
     {"agent_online", "shown_status", "healing", "remarks", "remark_sentences", "actions",
      "needs_fresh", "open"}},
    {"Command", &table_commands, {NULL}},
};

static void columns_are_told(void)
{
    json_auto_t *document = openapi();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_t *schema = schema_of(document, rows[i].schema);
        json_t *properties = json_object_get(schema, "properties");
        size_t count = g_strv_length((char **)rows[i].added);
        g_test_message("%s", rows[i].schema);
        for (size_t j = 0; j < rows[i].table->n_columns; j++) {
            const struct column *column = &rows[i].table->columns[j];
            if (column->flags & COLUMN_HIDDEN)
                continue;
            g_assert_nonnull(json_object_get(properties, column->name));
            count++;
        }
        for (const char *const *name = rows[i].added; *name; name++)
            g_assert_nonnull(json_object_get(properties, *name));
        g_assert_cmpint(json_object_size(properties), ==, count);
        g_assert_cmpint(json_array_size(json_object_get(schema, "required")), ==, count);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/routes/each_route_is_told", each_route_is_told);
    g_test_add_func("/routes/each_operation_has_a_route", each_operation_has_a_route);
    g_test_add_func("/routes/routes_differ", routes_differ);
    g_test_add_func("/routes/fields_are_told", fields_are_told);
    g_test_add_func("/routes/columns_are_told", columns_are_told);
    return g_test_run();
}
