/*
 * place_id.h - a place in all partitions of muster.events as one word, for Last-Event-ID.
 *
 * Pure.  "TAG-PARTITION.NEXT-PARTITION.NEXT…": the tag names the log, so that an id of
 * another one is noticed; then, in base 36, the next offset of each partition that has any
 * record.  A partition that is not named is at its beginning.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Of the log's id (bus_topic_log_id()); g_free it. */
char *place_id_tag(const char *log_id);

/* `next`: of `partitions` partitions; 0: nothing.  g_free it. */
char *place_id_text(const char *tag, const int64_t *next, int32_t partitions);

enum place_id {
    PLACE_ID_OURS,
    PLACE_ID_OTHER_LOG,
    PLACE_ID_MALFORMED,
};
/* Fills `ret_next` (of `partitions`) if it is ours. */
enum place_id place_id_parse(const char *tag, const char *text, int64_t *ret_next,
                             int32_t partitions);
