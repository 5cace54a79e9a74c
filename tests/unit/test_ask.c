/*
 * test_ask.c - bodies and queries against a table: what is taken, and what is said of the rest.
 */
#include "ask.h"

#include <string.h>

struct asked {
    char *name;
    char *word;
    int64_t port;
    bool flag;
    json_t *config;
    json_t *changes;
};

static const char *const words[] = {"show", "start", NULL};
static const struct ask_field fields[] = {
    {"name", ASK_TEXT, offsetof(struct asked, name), .required = true},
    {"word", ASK_WORD, offsetof(struct asked, word), .words = words},
    {"port", ASK_NUMBER, offsetof(struct asked, port), .minimum = 1, .maximum = 65535},
    {"flag", ASK_BOOL, offsetof(struct asked, flag)},
    {"config", ASK_VALUES, offsetof(struct asked, config)},
    {"changes", ASK_CHANGES, offsetof(struct asked, changes)},
};
static const struct ask_table table = {fields, G_N_ELEMENTS(fields)};

static void asked_clear(struct asked *asked)
{
    g_free(asked->name);
    g_free(asked->word);
    json_decref(asked->config);
    json_decref(asked->changes);
}

static void takes_all(void)
{
    struct asked asked = {0};
    g_autoptr(GError) error = NULL;
    json_auto_t *body = json_loads("{\"name\":\"a\",\"word\":\"start\",\"port\":65535.0,"
                                   "\"flag\":true,\"config\":{\"A\":\"1\"},"
                                   "\"changes\":{\"B\":null}}",
                                   0, NULL);
    g_assert_true(ask_body(&table, body, &asked, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(asked.name, ==, "a");
    g_assert_cmpstr(asked.word, ==, "start");
    g_assert_cmpint(asked.port, ==, 65535);
    g_assert_true(asked.flag);
    g_assert_cmpstr(json_string_value(json_object_get(asked.config, "A")), ==, "1");
    g_assert_true(json_is_null(json_object_get(asked.changes, "B")));
    asked_clear(&asked);
}

/* A body, and what is said of it; the field is named first. */
static const struct {
    const char *body;
    const char *said;
} refused[] = {
    {"[]", "the body must be a JSON object"},
    {"\"x\"", "the body must be a JSON object"},
    {"{}", "name: is missing"},
    {"{\"name\":null}", "name: must be a string"},
    {"{\"name\":7}", "name: must be a string"},
    {"{\"name\":\"\"}", "name: must not be empty"},
    {"{\"name\":\"a\",\"nam\":1}", "nam: is not known here"},
    {"{\"name\":\"a\",\"word\":\"stop\"}", "word: must be one of show, start"},
    {"{\"name\":\"a\",\"port\":0}", "port: must be 1 to 65535"},
    {"{\"name\":\"a\",\"port\":65536}", "port: must be 1 to 65535"},
    {"{\"name\":\"a\",\"port\":1.5}", "port: must be a whole number"},
    {"{\"name\":\"a\",\"port\":1e300}", "port: must be a whole number"},
    {"{\"name\":\"a\",\"port\":9223372036854775807}", "port: must be a whole number"},
    {"{\"name\":\"a\",\"port\":\"1\"}", "port: must be a whole number"},
    {"{\"name\":\"a\",\"flag\":1}", "flag: must be true or false"},
    {"{\"name\":\"a\",\"config\":[]}",
     "config: must be an object of strings and numbers"},
    {"{\"name\":\"a\",\"config\":{\"A\":true}}",
     "config: the value of A must be a string or a number"},
    {"{\"name\":\"a\",\"config\":{\"A\":null}}",
     "config: the value of A must be a string or a number"},
    {"{\"name\":\"a\",\"changes\":{\"A\":[]}}",
     "changes: the value of A must be a string or a number, or null"},
};

static void refuses_bodies(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        struct asked asked = {0};
        g_autoptr(GError) error = NULL;
        json_auto_t *body = json_loads(refused[i].body, JSON_DECODE_ANY, NULL);
        g_assert_false(ask_body(&table, body, &asked, &error));
        g_assert_error(error, ASK_ERROR, ASK_ERROR_INVALID);
        g_assert_cmpstr(error->message, ==, refused[i].said);
        asked_clear(&asked);
    }
}

static void refuses_long_text(void)
{
    struct asked asked = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(ASK_TEXT_MAX + 1, 'x');
    json_auto_t *body = json_pack("{s:s}", "name", text);
    g_assert_false(ask_body(&table, body, &asked, &error));
    g_assert_cmpstr(error->message, ==, "name: longer than 1000 characters");
}

static char *query_error(const char *const *pairs)
{
    struct asked asked = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) query = g_ptr_array_new();
    for (; *pairs; pairs++)
        g_ptr_array_add(query, (gpointer)*pairs);
    bool good = ask_query(&table, query, &asked, &error);
    g_assert_true(good == (error == NULL));
    asked_clear(&asked);
    return good ? NULL : g_strdup(error->message);
}

static void queries(void)
{
    static const struct {
        const char *const pairs[5];
        const char *said;
    } cases[] = {
        {{NULL}, NULL}, /* nothing is required of a query */
        {{"port", "80", "flag", "true", NULL}, NULL},
        {{"port", "8o", NULL}, "port: must be a whole number"},
        {{"port", "", NULL}, "port: must be a whole number"},
        {{"port", "99999999999999999999", NULL}, "port: must be a whole number"},
        {{"port", "0", NULL}, "port: must be 1 to 65535"},
        {{"flag", "yes", NULL}, "flag: must be true or false"},
        {{"word", "", NULL}, "word: must not be empty"},
        {{"port", "1", "port", "2", NULL}, "port: is given twice"},
        {{"x", "1", NULL}, "x: is not known here"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = query_error(cases[i].pairs);
        g_assert_cmpstr(said, ==, cases[i].said);
    }
}

static void names_fields(void)
{
    static const struct {
        const char *message;
        const char *field;
    } cases[] = {
        {"game_port: is missing", "game_port"},
        {"Last-Event-ID: no", "Last-Event-ID"},
        {"the body must be a JSON object", NULL},
        {": odd", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *field = ask_field_of(cases[i].message);
        g_assert_cmpstr(field, ==, cases[i].field);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ask/takes_all", takes_all);
    g_test_add_func("/ask/refuses_bodies", refuses_bodies);
    g_test_add_func("/ask/refuses_long_text", refuses_long_text);
    g_test_add_func("/ask/queries", queries);
    g_test_add_func("/ask/names_fields", names_fields);
    return g_test_run();
}
