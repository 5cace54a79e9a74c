/*
 * fuzz_ask.c - any bytes at all, as parts of a request over HTTP: its path, its query, its
 * body, where it wants to go on in the log.
 *
 * The first byte chooses which.  What is decoded is text; what is taken keeps to its bounds;
 * what is not is refused by the name of its field.  A place that is taken is written again as
 * it means.
 *
 * A seed corpus lies in corpus/ask.
 */
#include "ask.h"
#include "path.h"
#include "place_id.h"

#include <string.h>

#define PARTITIONS 8
#define PORT_MOST  65535

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct wanted {
    char *name;
    char *action;
    int64_t port;
    bool fresh;
    json_t *config;
};

#define AT(member) offsetof(struct wanted, member)

static const char *const actions[] = {"start", "stop", NULL};
static const struct ask_field fields[] = {
    {"name", ASK_TEXT, AT(name), .required = true},
    {"action", ASK_WORD, AT(action), .words = actions},
    {"game_port", ASK_NUMBER, AT(port), .minimum = 1, .maximum = PORT_MOST},
    {"fresh", ASK_BOOL, AT(fresh)},
    {"config", ASK_CHANGES, AT(config)},
};
static const struct ask_table table = {fields, G_N_ELEMENTS(fields)};
/* A query has no objects. */
static const struct ask_table query_table = {fields, G_N_ELEMENTS(fields) - 1};

static void check_text(const char *text)
{
    g_assert(!text || g_utf8_validate(text, -1, NULL));
}

static void check_wanted(struct wanted *wanted, bool good, const GError *error)
{
    g_assert(good == (error == NULL));
    g_assert(!wanted->name || *wanted->name);
    g_assert(!wanted->name || strlen(wanted->name) <= ASK_TEXT_MAX);
    g_assert(!wanted->action || g_strv_contains(actions, wanted->action));
    g_assert(wanted->port >= 1 && wanted->port <= PORT_MOST);
    g_assert(!wanted->config || json_is_object(wanted->config));
    check_text(wanted->name);
    if (error) {
        g_autofree char *field = ask_field_of(error->message);
        check_text(error->message);
        check_text(field);
    }
    g_free(wanted->name);
    g_free(wanted->action);
    json_decref(wanted->config);
}

static void try_body(const char *text)
{
    struct wanted wanted = {.port = 1};
    g_autoptr(GError) error = NULL;
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (!json_is_object(body)) {
        json_decref(body);
        return;
    }
    bool good = ask_body(&table, body, &wanted, &error);
    g_assert(!good || wanted.name);
    check_wanted(&wanted, good, error);
    json_decref(body);
}

/* Names and values by turns, a line each, still escaped. */
static void try_query(const char *text)
{
    struct wanted wanted = {.port = 1};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) words = g_strsplit(text, "\n", 64);
    for (char **word = words; word[0] && word[1]; word += 2) {
        char *name = path_decode(word[0]);
        char *value = path_decode(word[1]);
        g_ptr_array_add(pairs, name ? name : g_strdup(""));
        g_ptr_array_add(pairs, value ? value : g_strdup(""));
    }
    bool good = ask_query(&query_table, pairs, &wanted, &error);
    check_wanted(&wanted, good, error);
}

static void try_path(const char *text)
{
    static const char *const patterns[] = {"/agents/{agent_id}/servers/{server_id}",
                                           "/agents/{agent_id}/servers",
                                           "/commands/{command_id}", "/agents"};
    for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
        char *values[PATH_VALUES] = {NULL};
        bool matches = path_match(patterns[i], text, values);
        for (size_t v = 0; v < PATH_VALUES; v++) {
            g_assert(!values[v] || (matches && *values[v]));
            check_text(values[v]);
            g_free(values[v]);
        }
    }
    g_autofree char *decoded = path_decode(text);
    check_text(decoded);
}

static void try_place(const char *text)
{
    int64_t next[PARTITIONS] = {0};
    int64_t again[PARTITIONS] = {0};
    g_autofree char *tag = place_id_tag("a log");
    g_autofree char *ours = g_strconcat(tag, text, NULL);
    place_id_parse(tag, text, next, PARTITIONS);
    if (place_id_parse(tag, ours, next, PARTITIONS) != PLACE_ID_OURS)
        return;
    g_autofree char *written = place_id_text(tag, next, PARTITIONS);
    g_assert(place_id_parse(tag, written, again, PARTITIONS) == PLACE_ID_OURS);
    for (size_t i = 0; i < PARTITIONS; i++)
        g_assert(next[i] >= 0 && next[i] == again[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *text) = {try_body, try_query, try_path,
                                                      try_place};

    if (size == 0)
        return 0;
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    tries[data[0] % G_N_ELEMENTS(tries)](text);
    return 0;
}
