/*
 * api_wish.c - what a writing request asks for.
 */
#include "api_wish.h"

#include "clock.h"
#include "numbers.h"
#include "profile.h"

#include <string.h>

#define EXPIRES_MAX (INT64_C(6) * 24 * 3600 * 1000) /* topics keep commands for 7 days */

static const char *const pulls[] = {"always", "missing", "never", NULL};
static const char *const on_missing[] = {"show", "start", NULL};
static const char *const on_missing_server[] = {"show", "start", "agent", NULL};

/* clang-format off */
#define AT(field) offsetof(struct wish, field)
#define TEXT(field) {#field, ASK_TEXT, AT(field)}
#define NEEDED(field) {#field, ASK_TEXT, AT(field), .required = true}
#define BOOL(field) {#field, ASK_BOOL, AT(field)}
#define PORT(field) {#field, ASK_NUMBER, AT(field), .minimum = 1, .maximum = 65535}
#define PULL {"pull", ASK_WORD, AT(pull), .words = pulls}
#define COMMAND TEXT(reason), {"expires_ms", ASK_NUMBER, AT(expires_ms), .minimum = 1000, .maximum = EXPIRES_MAX}
#define RECORD TEXT(image), TEXT(image_tag), TEXT(server_data_path), TEXT(profile), \
    {"on_missing", ASK_WORD, AT(on_missing), .words = on_missing_server}
#define PORTS PORT(game_port), PORT(udp_port), PORT(rcon_port) /* which are needed, the profile says */
#define AGENT TEXT(steam_zomboid_registry), TEXT(server_data_path), \
    {"on_missing", ASK_WORD, AT(on_missing), .words = on_missing}

static const struct ask_field server_new[] = {NEEDED(name), RECORD, PORTS, {"config", ASK_VALUES, AT(config)}, COMMAND, PULL};
static const struct ask_field server_change[] = {RECORD, PORTS, {"config", ASK_CHANGES, AT(config)}, TEXT(reason)};
static const struct ask_field adopt_fields[] = {NEEDED(container), RECORD, PORTS, {"config", ASK_VALUES, AT(config)}, BOOL(keep), TEXT(reason)};
static const struct ask_field start[] = {COMMAND, BOOL(fresh), PULL};
static const struct ask_field replace[] = {COMMAND, BOOL(fresh), BOOL(skip_save), PULL};
static const struct ask_field restore[] = {COMMAND, BOOL(fresh), BOOL(start), PULL};
static const struct ask_field stop[] = {COMMAND, BOOL(skip_save)};
static const struct ask_field removal[] = {COMMAND, BOOL(skip_save), BOOL(fresh)};
static const struct ask_field purge[] = {COMMAND, BOOL(skip_save), BOOL(fresh), BOOL(unmarked)};
static const struct ask_field cancel[] = {COMMAND, TEXT(command_id)};
static const struct ask_field sync_fields[] = {COMMAND};
static const struct ask_field agent_new[] = {NEEDED(name), TEXT(id), AGENT,
    {"partitions", ASK_NUMBER, AT(partitions), .minimum = 1, .maximum = 256}};
static const struct ask_field agent_change[] = {AGENT};
static const struct ask_field reason[] = {TEXT(reason)};
static const struct ask_field rebind[] = {NEEDED(engine_id), TEXT(reason)};

#define TABLE(name, fields) const struct ask_table name = {fields, G_N_ELEMENTS(fields)}
TABLE(wish_server_new, server_new);
TABLE(wish_server_change, server_change);
TABLE(wish_adopt, adopt_fields);
TABLE(wish_start, start);
TABLE(wish_replace, replace);
TABLE(wish_restore, restore);
TABLE(wish_stop, stop);
TABLE(wish_remove, removal);
TABLE(wish_purge, purge);
TABLE(wish_cancel, cancel);
TABLE(wish_sync, sync_fields);
TABLE(wish_agent_new, agent_new);
TABLE(wish_agent_change, agent_change);
TABLE(wish_reason, reason);
TABLE(wish_rebind, rebind);
/* clang-format on */

void wish_clear(struct wish *wish)
{
    char **const texts[] = {&wish->id,         &wish->name,
                            &wish->image,      &wish->image_tag,
                            &wish->profile,    &wish->server_data_path,
                            &wish->on_missing, &wish->steam_zomboid_registry,
                            &wish->reason,     &wish->pull,
                            &wish->container,  &wish->engine_id,
                            &wish->command_id};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(*texts[i]);
    json_decref(wish->config);
}

/* --- The body ---------------------------------------------------------------------------------- */

static bool is_json(const char *type)
{
    size_t length = strlen(JSON_TYPE);
    return type && g_ascii_strncasecmp(type, JSON_TYPE, length) == 0 &&
           (type[length] == '\0' || type[length] == ';' || type[length] == ' ');
}

/* The words of what is wrong could hold a piece of the body, and that a secret. */
static json_t *parse_body(struct visit *visit)
{
    gsize length;
    json_error_t where;
    const char *text = g_bytes_get_data(http_body(visit->exchange), &length);
    if (length == 0)
        return json_object();
    if (!is_json(http_header(visit->exchange, "Content-Type"))) {
        answer_problem(visit, 415, "unsupported_media_type", NULL,
                       "a body has to be " JSON_TYPE);
        return NULL;
    }
    json_t *body = numbers_load(text, length, JSON_REJECT_DUPLICATES, &where);
    if (!body) {
        answer_problem_format(visit, 400, "invalid", NULL,
                              "the body is no JSON: line %d, column %d", where.line,
                              where.column);
        return NULL;
    }
    json_auto_t *config = json_incref(json_object_get(body, "config"));
    json_object_del(body, "config"); /* keeps its numbers as they were written */
    body = numbers_restore(body);
    if (config)
        json_object_set(body, "config", config);
    return body;
}

enum wished wish_take(struct visit *visit, const struct ask_table *table,
                      struct wish *wish, GError **error)
{
    const struct ask_table none = {NULL, 0};
    if (g_str_equal(visit->route->method, "DELETE"))
        return ask_query(table, visit->query, wish, error) ? WISHED : WISHED_FAILED;
    if (!ask_query(&none, visit->query, NULL, error))
        return WISHED_FAILED;
    json_auto_t *body = parse_body(visit);
    if (!body)
        return WISHED_ANSWERED;
    return ask_body(table, body, wish, error) ? WISHED : WISHED_FAILED;
}

/* --- The record -------------------------------------------------------------------------------- */

static void put_text(char **field, const char *text)
{
    if (text)
        row_set(field, text);
}

static void put_number(int64_t *field, int64_t number)
{
    if (number != CONTRACT_NONE)
        *field = number;
}

/* What is named changes; null takes it away. */
static void put_config(struct server_row *server, const json_t *changes)
{
    json_auto_t *config = numbers_load(server->config, strlen(server->config), 0, NULL);
    const char *name;
    json_t *value;
    if (!changes)
        return;
    json_object_foreach((json_t *)changes, name, value)
    {
        if (json_is_null(value))
            json_object_del(config, name);
        else
            json_object_set(config, name, value);
    }
    g_free(server->config);
    server->config = numbers_dump(config);
}

void wish_put(const struct wish *wish, struct server_row *server)
{
    put_text(&server->name, wish->name);
    server_row_put_image(server, wish->image, wish->image_tag);
    put_text(&server->server_data_path, wish->server_data_path);
    put_text(&server->profile, wish->profile);
    if (!*server->profile)
        row_set(&server->profile, PROFILE_DEFAULT);
    put_number(&server->game_port, wish->game_port);
    put_number(&server->udp_port, wish->udp_port);
    put_number(&server->rcon_port, wish->rcon_port);
    if (wish->on_missing)
        row_set(&server->on_missing,
                g_str_equal(wish->on_missing, "agent") ? NULL : wish->on_missing);
    put_config(server, wish->config);
}

static enum pull pull_of(const char *word)
{
    for (int i = PULL_ALWAYS; word && i < PULL_COUNT; i++)
        if (g_str_equal(word, pull_name((enum pull)i)))
            return (enum pull)i;
    return PULL_BY_ACTION;
}

struct request wish_request(const struct visit *visit, const struct wish *wish,
                            enum action action)
{
    return (struct request){
        .action = action,
        .actor = visit->actor,
        .reason = wish->reason ? wish->reason : "",
        .now = clock_now(visit->desk->ledger),
        .expires_ms = wish->expires_ms,
        .fresh = wish->fresh,
        .start = wish->start,
        .skip_save = wish->skip_save,
        .unmarked = wish->unmarked,
        .as_found = wish->keep,
        .pull = pull_of(wish->pull),
        .target = wish->command_id,
        .once = visit->once.key ? &visit->once : NULL,
    };
}
