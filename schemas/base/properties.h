/*
 * properties.h - the properties for librdkafka that -F and -X give, of both programs.
 *
 * What is secret comes by a file alone: a word of a command line is read by every user of the
 * host, in /proc/PID/cmdline.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The lines "key=value" of the files, then the words, in their order: char *, stripped.  Empty
 * lines and those that begin with # are left out.  `files` and `words` may be NULL.
 * OPTIONS_ERROR_USAGE: a word that is secret. */
GPtrArray *properties_read(const GPtrArray *files, const GPtrArray *words,
                           GError **error);
/* "sasl.password", "ssl.key.pem". */
bool property_is_secret(const char *name);
