/*
 * serve.h - muster serve: relays and ingests all the time.
 */
#pragma once

#include "session.h"

/* Until SIGTERM or SIGINT.  False: something that only a person or a new process mends; a
 * bus that is away is waited for. */
bool serve_run(struct session *session, GError **error);
