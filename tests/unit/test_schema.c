/*
 * test_schema.c - the .avsc files, the tables and the structs say the same.
 */
#include "schema.h"

#include "cases.h"
#include "codec.h"
#include "filled.h"

#include <gio/gio.h>

/* --- Fingerprints ------------------------------------------------------------------ */

/* Avro's own vectors (share/test/data/schema-tests.txt), and forms that must be equal. */
static void test_fingerprints(void)
{
    static const struct {
        const char *json;
        const char *fingerprint;
    } rows[] = {
        {"\"null\"", "63dd24e7cc258f8a"},
        {"{\"type\":\"null\"}", "63dd24e7cc258f8a"},
        {"\"int\"", "7275d51a3f395c8f"},
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", "7275d51a3f395c8f"},
        {"\"string\"", "8f014872634503c7"},
        {"\"boolean\"", "9f42fc78a4d4f764"},
        {"\"long\"", "d054e14493f41db7"},
        {"\"float\"", "4d7c02cb3ea8d790"},
        {"\"double\"", "8e7535c032ab957e"},
        {"\"bytes\"", "4fc016dac3201965"},
        {"{\"type\":\"array\",\"items\":\"long\"}", "5416c98ba22e5e71"},
        {"{\"items\":{\"type\":\"long\"}, \"type\":\"array\"}", "5416c98ba22e5e71"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Schema) schema = schema_parse(rows[i].json, &error);

        g_assert_no_error(error);
        g_autofree char *text = schema_fingerprint_text(schema);
        g_assert_cmpstr(text, ==, rows[i].fingerprint);
    }
}

/* Names are made full, doc, default and order of attributes do not matter. */
static void test_same_form_same_fingerprint(void)
{
    static const char *const same[] = {
        "{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"e\",\"type\":"
        "{\"type\":\"enum\",\"name\":\"a.E\",\"symbols\":[\"x\"]}},"
        "{\"name\":\"f\",\"type\":\"a.E\"}]}",
        "{\"name\":\"R\",\"namespace\":\"a\",\"doc\":\"d\",\"type\":\"record\",\"fields\":["
        "{\"name\":\"e\",\"default\":\"x\",\"type\":{\"symbols\":[\"\\u0078\"],\"name\":\"E\","
        "\"type\":\"enum\"}},{\"type\":\"E\",\"doc\":\"d\",\"name\":\"f\"}]}",
    };
    g_autoptr(Schema) one = schema_parse(same[0], NULL);
    g_autoptr(Schema) other = schema_parse(same[1], NULL);

    g_assert_cmphex(schema_fingerprint(one), ==, schema_fingerprint(other));
}

static void test_bad_schemas_are_refused(void)
{
    static const struct {
        const char *json;
        const char *error;
    } rows[] = {
        {"", "schema: line"},
        {"{", "schema: line"},
        {"7", "schema: a type is missing"},
        {"{\"type\":\"record\",\"name\":\"R\"}",
         "schema: a record has no array of fields"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}",
         "schema: a: a type is missing"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"Q\"}]}",
         "schema: "},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":"
         "[\"null\",\"R\"]}]}",
         "schema: it is recursive"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":99999999}",
         "schema: F has a size of"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(schema_parse(rows[i].json, &error));
        g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
        if (!g_str_has_prefix(error->message, rows[i].error))
            g_error("%s: %s", rows[i].json, error->message);
    }
}

/* Unfolding references could grow without end; it does not. */
static void test_a_schema_that_explodes_is_refused(void)
{
    g_autoptr(GString)
        json = g_string_new("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                            "{\"name\":\"f0\",\"type\":{\"type\":\"record\","
                            "\"name\":\"N0\",\"fields\":[]}}");
    g_autoptr(GError) error = NULL;

    for (int i = 1; i < 25; i++)
        g_string_append_printf(
            json,
            ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":"
            "\"N%d\",\"fields\":[{\"name\":\"a\",\"type\":\"N%d\"},"
            "{\"name\":\"b\",\"type\":\"N%d\"}]}}",
            i, i, i - 1, i - 1);
    g_string_append(json, "]}");
    g_assert_null(schema_parse(json->str, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

/* --- The .avsc files beside the tables ---------------------------------------------- */

struct walk {
    GHashTable *named; /* full definition of each type by its name; json_t, borrowed */
};

static json_t *resolve(struct walk *walk, json_t *type)
{
    if (!json_is_string(type))
        return type;
    json_t *known = g_hash_table_lookup(walk->named, json_string_value(type));
    return known ? known : type;
}

static void learn_names(struct walk *walk, json_t *type)
{
    size_t i;
    json_t *part;

    json_array_foreach(type, i, part) learn_names(walk, part);
    if (!json_is_object(type))
        return;
    if (json_object_get(type, "name"))
        g_hash_table_insert(walk->named, (gpointer)case_text(type, "name"), type);
    json_array_foreach(json_object_get(type, "fields"), i, part)
        learn_names(walk, json_object_get(part, "type"));
    learn_names(walk, json_object_get(type, "type"));
    learn_names(walk, json_object_get(type, "items"));
}

/* "string", "null|string", "array of record": what shape.h promises for each kind. */
static char *type_text(struct walk *walk, json_t *type)
{
    type = resolve(walk, type);
    if (json_is_string(type))
        return g_strdup(json_string_value(type));
    if (json_is_array(type)) {
        g_autofree char *one = type_text(walk, json_array_get(type, 0));
        g_autofree char *other = type_text(walk, json_array_get(type, 1));
        return g_strconcat(one, "|", other, NULL);
    }
    const char *word = case_text(type, "type");
    json_t *item = json_object_get(type, g_str_equal(word, "map") ? "values" : "items");
    if (!item)
        return g_strdup(word);
    g_autofree char *inner = type_text(walk, item);
    return g_strconcat(word, " of ", inner, NULL);
}

static const char *const kind_types[] = {
    [FIELD_STRING] = "string",
    [FIELD_STRING_OPTIONAL] = "null|string",
    [FIELD_BYTES] = "bytes",
    [FIELD_BOOL] = "boolean",
    [FIELD_MAYBE] = "null|boolean",
    [FIELD_LONG] = "long",
    [FIELD_LONG_OPTIONAL] = "null|long",
    [FIELD_ENUM] = "enum",
    [FIELD_STRINGS] = "array of string",
    [FIELD_PAIRS] = "map of string",
    [FIELD_SECRETS] = "map of string",
    [FIELD_PAIR_KEYS] = "array of string",
    [FIELD_RECORD] = "record",
    [FIELD_RECORD_OPTIONAL] = "null|record",
    [FIELD_RECORDS] = "array of record",
    [FIELD_BRANCH] = "record|record",
};

static void check_words(const struct field *field, json_t *symbols)
{
    g_assert_cmpuint(json_array_size(symbols), ==, g_strv_length((char **)field->words));
    for (size_t i = 0; i < json_array_size(symbols); i++)
        g_assert_cmpstr(json_string_value(json_array_get(symbols, i)), ==,
                        field->words[i]);
}

static void check_record(struct walk *walk, const struct shape *shape, json_t *record);

/* The record that a field holds, out of its union or array. */
static json_t *inner_record(struct walk *walk, const struct field *field, json_t *type)
{
    json_t *branch;
    size_t i;

    type = resolve(walk, type);
    if (json_object_get(type, "items"))
        return resolve(walk, json_object_get(type, "items"));
    json_array_foreach(type, i, branch)
    {
        json_t *record = resolve(walk, branch);
        if (json_is_object(record) &&
            g_str_equal(case_text(record, "name"), field->shape->name))
            return record;
    }
    return type;
}

static void check_field(struct walk *walk, const struct field *field, json_t *row)
{
    json_t *type = json_object_get(row, "type");
    g_autofree char *text = type_text(walk, type);

    g_assert_cmpstr(field->name, ==, case_text(row, "name"));
    if (!g_str_equal(text, kind_types[field->kind]))
        g_error("%s is %s, not %s", field->name, text, kind_types[field->kind]);
    if (field->kind == FIELD_ENUM)
        check_words(field, json_object_get(resolve(walk, type), "symbols"));
    if (field->shape)
        check_record(walk, field->shape, inner_record(walk, field, type));
}

/* A default in the schema, for readers in other languages, is what x_new() gives here. */
static void check_defaults(const struct shape *shape, json_t *record)
{
    void *fresh = shape_new(shape);
    json_t *defaults = shape_to_json(shape, fresh);
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(record, "fields"), i, row)
    {
        json_t *value = json_object_get(row, "default");
        const char *name = case_text(row, "name");
        if (!value || g_str_equal(name, "bytes")) /* printed as their number */
            continue;
        assert_json_equal(value, json_object_get(defaults, name), name);
    }
    json_decref(defaults);
    shape_free(shape, fresh);
}

static void check_record(struct walk *walk, const struct shape *shape, json_t *record)
{
    json_t *rows = json_object_get(record, "fields");
    size_t at = 0;

    g_assert_cmpstr(shape->name, ==, case_text(record, "name"));
    for (size_t i = 0; i < shape->n_fields; i++) {
        bool again = i > 0 &&
                     g_str_equal(shape->fields[i].name, shape->fields[i - 1].name);

        at += i > 0 && !again; /* branches share their row */
        check_field(walk, &shape->fields[i], json_array_get(rows, at));
    }
    g_assert_cmpuint(json_array_size(rows), ==, at + 1);
    check_defaults(shape, record);
}

static void test_tables_and_schemas_agree(void)
{
    static const char *const names[] = {"command", "event", "heartbeat", "deadletter"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GHashTable) named = g_hash_table_new(g_str_hash, g_str_equal);
        struct walk walk = {named};
        json_t *record = json_loads(schema_text(names[i]), 0, NULL);

        learn_names(&walk, record);
        check_record(&walk, case_shape(names[i]), record);
        json_decref(record);
    }
}

static void test_compiled_in_is_what_stands_there(void)
{
    static const char *const names[] = {"command", "event", "heartbeat", "deadletter"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.avsc", TEST_SCHEMAS, names[i]);
        g_autoptr(GBytes) file = case_bytes(path);
        const char *text = schema_text(names[i]);

        g_assert_cmpmem(text, strlen(text), g_bytes_get_data(file, NULL),
                        g_bytes_get_size(file));
    }
}

/* --- Encoding ----------------------------------------------------------------------- */

static void expect_no_encoding(struct event *event, const char *message)
{
    g_autoptr(Schema) schema = schema_parse(schema_text("event"), NULL);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(schema_encode(schema, &shape_event, event, out, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpuint(out->len, ==, 0);
    event_free(event);
}

static void test_what_breaks_the_schema_is_not_written(void)
{
    struct event *event = event_new();
    expect_no_encoding(event, "Event.body: it is NULL");

    event = event_new();
    event->state = state_new();
    g_clear_pointer(&event->worker, g_free);
    expect_no_encoding(event, "Event.worker: it is NULL");

    event = event_new();
    event->state = state_new();
    event->state->status = CONTAINER_STATUS_COUNT;
    expect_no_encoding(event, "Event.body: State.status: 9 (no word) is no symbol of "
                              "ContainerStatus");
}

/* A schema that asks for what our structs do not have cannot be written. */
static void test_a_field_that_we_lack(void)
{
    static const char *const json =
        "{\"type\":\"record\",\"name\":\"Heartbeat\",\"fields\":[{\"name\":\"mood\","
        "\"type\":\"string\"}]}";
    g_autoptr(Schema) schema = schema_parse(json, NULL);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(Heartbeat) heartbeat = heartbeat_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(schema_encode(schema, &shape_heartbeat, heartbeat, out, &error));
    g_assert_cmpstr(error->message, ==, "Heartbeat.mood: the struct has no such field");
}

/* An older schema, with an int where we have a long. */
static void test_an_older_schema_can_be_written(void)
{
    static const char *const json =
        "{\"type\":\"record\",\"name\":\"Heartbeat\",\"fields\":[{\"name\":\"queued\","
        "\"type\":\"int\"}]}";
    g_autoptr(Schema) schema = schema_parse(json, NULL);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(Heartbeat) heartbeat = heartbeat_new();
    g_autoptr(GError) error = NULL;

    heartbeat->queued = 100;
    g_assert_true(schema_encode(schema, &shape_heartbeat, heartbeat, out, &error));
    g_assert_cmpmem(out->data, out->len, "\xc8\x01", 2);
    heartbeat->queued = INT64_C(1) << 31;
    g_assert_false(schema_encode(schema, &shape_heartbeat, heartbeat, out, &error));
    g_assert_cmpstr(error->message, ==,
                    "Heartbeat.queued: 2147483648 does not fit into an int");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schema/fingerprints", test_fingerprints);
    g_test_add_func("/schema/same_form", test_same_form_same_fingerprint);
    g_test_add_func("/schema/bad", test_bad_schemas_are_refused);
    g_test_add_func("/schema/explodes", test_a_schema_that_explodes_is_refused);
    g_test_add_func("/schema/tables_agree", test_tables_and_schemas_agree);
    g_test_add_func("/schema/compiled_in", test_compiled_in_is_what_stands_there);
    g_test_add_func("/schema/encode/breaks", test_what_breaks_the_schema_is_not_written);
    g_test_add_func("/schema/encode/lacking", test_a_field_that_we_lack);
    g_test_add_func("/schema/encode/older", test_an_older_schema_can_be_written);
    return g_test_run();
}
