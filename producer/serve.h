/*
 * serve.h - muster serve: relays and ingests all the time, and serves HTTP beside it.
 */
#pragma once

#include "api.h"
#include "session.h"

struct serve_options {
    bool http;       /* serve HTTP at all */
    bool http_asked; /* by a person: not to be able to is an error then, else a warning */
    struct api_options api;
};

/* Until SIGTERM or SIGINT.  False: something that only a person or a new process mends; a
 * bus that is away is waited for. */
bool serve_run(struct session *session, const struct serve_options *options,
               GError **error);
