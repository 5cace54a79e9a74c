/*
 * api_problem.c - problem details (RFC 9457): every "no" in one shape.
 *
 * Errors of the parts below become problems here and nowhere else, by their domain and code.
 */
#include "api_parts.h"

#include "ask.h"
#include "check.h"
#include "clean.h"
#include "request.h"
#include "resolve.h"
#include "rules.h"

#include <string.h>

#define PROBLEM_TYPE "application/problem+json"

static const struct {
    unsigned status;
    const char *title;
} titles[] = {
    {400, "Bad request"},
    {401, "No valid token"},
    {403, "Not allowed"},
    {404, "Not found"},
    {405, "Method not allowed"},
    {409, "Refused"},
    {413, "Too large"},
    {415, "Unsupported media type"},
    {422, "Not to be carried out"},
    {429, "Too many requests"},
    {500, "Internal error"},
    {503, "Not available"},
};

static const char *title_of(unsigned status)
{
    for (size_t i = 0; i < G_N_ELEMENTS(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    g_assert_not_reached();
}

void problem_reply(struct http_reply *reply, unsigned status, const char *word,
                   const char *field, const char *detail)
{
    g_autofree char *type = g_strconcat("urn:muster:problem:", word, NULL);
    g_autofree char *clean = g_utf8_make_valid(detail, -1);
    json_auto_t *json = json_pack("{s:s, s:s, s:i, s:s}", "type", type, "title",
                                  title_of(status), "status", (int)status, "detail",
                                  clean);
    if (field)
        json_object_set_new(json, "field", json_string(field));
    char *text = clean_json(json_dumps(json, JSON_COMPACT));
    g_clear_pointer(&reply->body, g_bytes_unref);
    reply->status = status;
    reply->body = g_bytes_new_take(text, strlen(text));
    http_reply_header(reply, "Content-Type", PROBLEM_TYPE);
}

bool answer_problem(struct visit *visit, unsigned status, const char *word,
                    const char *field, const char *detail)
{
    problem_reply(&visit->reply, status, word, field, detail);
    return true;
}

bool answer_problem_format(struct visit *visit, unsigned status, const char *word,
                           const char *field, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return answer_problem(visit, status, word, field, detail);
}

bool answer_not_found(struct visit *visit, const char *what, const char *which)
{
    return answer_problem_format(visit, 404, "not_found", NULL, "no %s '%.100s'", what,
                                 which);
}

void answer_possible(struct visit *visit, unsigned actions)
{
    json_auto_t *json = json_loadb(g_bytes_get_data(visit->reply.body, NULL),
                                   g_bytes_get_size(visit->reply.body), 0, NULL);
    json_t *possible = json_array();
    for (int i = ACTION_UNKNOWN + 1; i < ACTION_COUNT; i++)
        if (actions & 1U << i)
            json_array_append_new(possible, json_string(action_name((enum action)i)));
    json_object_set_new(json, "possible", possible);
    char *text = clean_json(json_dumps(json, JSON_COMPACT));
    g_bytes_unref(visit->reply.body);
    visit->reply.body = g_bytes_new_take(text, strlen(text));
}

/* --- Errors ------------------------------------------------------------------------------ */

/* The checks speak of an agent's name and id, a request of `name` and `id`. */
static char *field_of(const char *message)
{
    if (g_str_has_prefix(message, "agent name:"))
        return g_strdup("name");
    if (g_str_has_prefix(message, "agent id:"))
        return g_strdup("id");
    return ask_field_of(message);
}

static bool is_wrong_field(const GError *error)
{
    return error->domain == ASK_ERROR || error->domain == CHECK_ERROR;
}

static bool is_refusal(const GError *error)
{
    return error->domain == RULES_ERROR ||
           g_error_matches(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED) ||
           g_error_matches(error, BUS_ERROR, BUS_ERROR_PARTITIONS);
}

void answer_error(struct visit *visit, const GError *error)
{
    g_autofree char *field = NULL;
    if (is_wrong_field(error)) {
        field = field_of(error->message);
        answer_problem(visit, 400, "invalid", field, error->message);
    } else if (error->domain == RESOLVE_ERROR) {
        field = field_of(error->message);
        answer_problem(visit, 422, "contradiction", field, error->message);
    } else if (g_error_matches(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND)) {
        field = field_of(error->message);
        answer_problem(visit, 404, "not_found", field, error->message);
    } else if (is_refusal(error)) {
        answer_problem(visit, 409, "refused", NULL, error->message);
    } else {
        answer_problem(visit, 503, "not_available", NULL, error->message);
        http_reply_header(&visit->reply, "Retry-After", "1");
    }
}
