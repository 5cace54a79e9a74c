/*
 * request.c - the life of requests and replies.
 */
#include "request.h"

struct request *request_new(enum asked asked, enum docker_lane lane, const char *method,
                            const char *path_format, ...)
{
    struct request *request = g_new0(struct request, 1);
    va_list arguments;
    request->asked = asked;
    request->lane = lane;
    request->method = method;
    va_start(arguments, path_format);
    request->path = g_strdup_vprintf(path_format, arguments);
    va_end(arguments);
    return request;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    g_free(request->path);
    g_free(request->body);
    g_free(request->registry_auth);
    g_free(request);
}

void reply_free(struct reply *reply)
{
    if (!reply)
        return;
    g_free(reply->body);
    g_free(reply->error);
    g_free(reply);
}
