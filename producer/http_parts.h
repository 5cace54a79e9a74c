/*
 * http_parts.h - what http.c and http_run.c share; nobody else's.
 */
#pragma once

#include "http.h"

#include <microhttpd.h>

struct http {
    struct MHD_Daemon *daemon; /* that takes connections */
    GPtrArray *old;            /* those before it, which had other certificates */
    struct http_handler handler;
    int listener;    /* once it is quiet; else -1 */
    GArray *proxies; /* struct http_network */
    struct door_limits limits;
    GMutex mutex; /* of daemon, old, and the door */
    struct door *door;
};

/* Whether it came to a daemon that takes no connections any more. */
bool http_is_old(struct http *http, struct MHD_Connection *connection);

/* libmicrohttpd's calls. */
enum MHD_Result http_on_accept(void *context, const struct sockaddr *address,
                               socklen_t length);
void http_on_connection(void *context, struct MHD_Connection *connection,
                        void **socket_context, enum MHD_ConnectionNotificationCode code);
enum MHD_Result http_on_access(void *context, struct MHD_Connection *connection,
                               const char *url, const char *method, const char *version,
                               const char *data, size_t *length, void **request);
void http_on_completed(void *context, struct MHD_Connection *connection, void **request,
                       enum MHD_RequestTerminationCode code);
size_t http_leave_escaped(void *context, struct MHD_Connection *connection, char *text);
