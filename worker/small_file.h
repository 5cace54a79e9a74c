/*
 * small_file.h - a configuration file of this host, read whole.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* At most `most` bytes; a longer one is an error (G_FILE_ERROR_INVAL), as is what is no plain
 * file.  The text ends with a NUL that is not counted.  The error names
 * the path, never the contents.  Blocks. */
bool small_file_read(const char *path, size_t most, char **ret_text, size_t *ret_length,
                     GError **error);
