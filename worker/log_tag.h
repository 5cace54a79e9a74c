/*
 * log_tag.h - which log a committed offset is of.
 *
 * An offset does not say.  A topic that is made anew begins again at 0; once it has been filled
 * beyond a position of the old one, that looks like any other, and what lies below it would
 * never be read.  So the metadata of a committed offset begins with a tag of the log's id,
 * "1f2e3d4c:", and a worker asks from time to time whether its logs are still the same.
 */
#pragma once

#include "bus.h"

/* Blocks.  NULL: it cannot be learned (no broker, no right to ask); g_free it. */
char *log_tag_ask(struct bus *bus, const char *topic);

/* The metadata with the tag (NULL: without one) before it; takes the metadata, g_free it. */
char *log_tag_before(const char *tag, char *metadata_taken);
/* What follows the tag; NULL: the offset is another log's.  Where either side has no tag,
 * nothing can be said against it. */
const char *log_tag_behind(const char *tag, const char *metadata);
