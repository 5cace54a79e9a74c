/*
 * api_files.c - the page and its files, which are compiled in; and paths that are nobody's.
 *
 * They are the same for everybody and hold no secret, so no token is asked for.
 */
#include "api_parts.h"

#include <gio/gio.h>
#include <string.h>

#define METHODS "GET, POST, PATCH, DELETE, OPTIONS"
#define HEADERS "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".json", JSON_TYPE},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_has_suffix(name, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

static GBytes *find_file(const char *path)
{
    g_autofree char *name = g_strconcat(
        "/muster/web", g_str_equal(path, "/") ? "/index.html" : path, NULL);
    return g_resources_lookup_data(name, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
}

/* Kept by browsers, and asked after each time: a new muster has a new page. */
static void answer_file(struct visit *visit, const char *path, GBytes *file)
{
    g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, file);
    g_autofree char *tag = g_strdup_printf("\"%.16s\"", sum);
    const char *known = http_header(visit->exchange, "If-None-Match");
    bool same = known && strstr(known, tag);
    visit->reply.status = same ? 304 : 200;
    visit->reply.body = same ? NULL : g_bytes_ref(file);
    http_reply_header(&visit->reply, "Content-Type",
                      type_of(g_str_equal(path, "/") ? "/index.html" : path));
    http_reply_header(&visit->reply, "ETag", tag);
    http_reply_header(&visit->reply, "Cache-Control", "no-cache");
}

bool api_file(struct visit *visit, GError **error)
{
    g_autoptr(GBytes) file = find_file(http_path(visit->exchange));
    g_assert(file); /* its route is in the table, so it is compiled in */
    answer_file(visit, http_path(visit->exchange), file);
    return true;
}

/* "GET, POST": of a path that there is. */
static char *allowed(const GPtrArray *methods, bool file)
{
    GString *text = g_string_new(file ? "GET, HEAD" : "");
    for (guint i = 0; i < methods->len; i++) {
        const char *method = methods->pdata[i];
        g_string_append_printf(text, "%s%s%s", text->len ? ", " : "", method,
                               g_str_equal(method, "GET") ? ", HEAD" : "");
    }
    g_string_append(text, ", OPTIONS");
    return g_string_free(text, FALSE);
}

/* Asked by browsers before a page of another origin may send something. */
static void answer_options(struct visit *visit, const char *allow)
{
    visit->reply.status = 204;
    http_reply_header(&visit->reply, "Allow", allow);
    if (!visit->api->cors_origins)
        return;
    http_reply_header(&visit->reply, "Access-Control-Allow-Methods", METHODS);
    http_reply_header(&visit->reply, "Access-Control-Allow-Headers", HEADERS);
    http_reply_header(&visit->reply, "Access-Control-Max-Age", "600");
}

bool api_other_path(struct visit *visit, const GPtrArray *methods)
{
    const char *path = http_path(visit->exchange);
    const char *method = http_method(visit->exchange);
    g_autoptr(GBytes) file = methods->len == 0 ? find_file(path) : NULL;
    g_autofree char *allow = allowed(methods, file != NULL);
    if (!file && methods->len == 0) {
        answer_problem(
            visit, 404, "not_found", NULL,
            "there is nothing at this path; /openapi.json tells what there is");
    } else if (file && (g_str_equal(method, "GET") || g_str_equal(method, "HEAD"))) {
        answer_file(visit, path, file);
    } else if (g_str_equal(method, "OPTIONS")) {
        answer_options(visit, allow);
    } else {
        answer_problem_format(visit, 405, "method_not_allowed", NULL,
                              "%.20s is not for this path; %s are", method, allow);
        http_reply_header(&visit->reply, "Allow", allow);
    }
    return false;
}
