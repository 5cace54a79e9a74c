/*
 * metrics_http.h - serves the worker's figures at http://ADDR/metrics.
 *
 * A thread of its own answers from the text that the loop last left with it: a slow reader
 * never holds up the loop.  Only this file of the worker knows libmicrohttpd.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct metrics_http;

/* `address` is HOST:PORT, or :PORT for loopback.  Error: G_IO_ERROR with what would be right. */
struct metrics_http *metrics_http_new(const char *address, GError **error);
void metrics_http_free(struct metrics_http *http);
/* What is served from now on; takes the text. */
void metrics_http_set(struct metrics_http *http, char *text_taken);
