/*
 * pull.h - the progress stream of POST /images/create, line by line.
 *
 * Pure.  A pull answers 200 before it is done: errors come inside the stream, and only a
 * line "Status: …" means success (measured on Engine 20.10; the API reference says no more
 * than "progress").
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pull_stream;

struct pull_stream *pull_stream_new(void);
void pull_stream_free(struct pull_stream *stream);
/* Takes one line.  Lines that are no JSON are remembered as the error. */
void pull_stream_line(struct pull_stream *stream, const char *line, size_t length);
bool pull_stream_succeeded(const struct pull_stream *stream);
/* The error line's text, or NULL; borrowed. */
const char *pull_stream_error(const struct pull_stream *stream);
/* Bytes downloaded and to be downloaded over all layers known so far; 0, 0 if none. */
void pull_stream_bytes(const struct pull_stream *stream, int64_t *ret_current,
                       int64_t *ret_total);
/* "3 of 6 layers, 12.3 of 50.1 MB"; g_free it. */
char *pull_stream_text(const struct pull_stream *stream);

typedef struct pull_stream PullStream;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PullStream, pull_stream_free)
