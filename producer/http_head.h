/*
 * http_head.h - whether a request's head says one thing only, and who it is from.
 */
#pragma once

#include <glib.h>
#include <microhttpd.h>
#include <stdbool.h>

/* Whether it is clear where the request ends and the next one begins: a proxy before us and we
 * must not see two different requests in the same bytes (RFC 9112, 6.3 and 11.2). */
bool http_head_is_clear(struct MHD_Connection *connection, const char *version);
/* The address that the last proxy before us has seen: the last word of the last
 * X-Forwarded-For; NULL: there is none.  g_free it. */
char *http_head_forwarded(struct MHD_Connection *connection);
