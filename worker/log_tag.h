/*
 * log_tag.h - what proves that a committed offset is a worker's, and of this log.
 *
 * An offset does not say who committed it, nor of which topic.  An administrator may have set
 * the group to earliest, to latest, to any offset; a topic that was made anew begins again at
 * 0, and once it has been filled beyond a position of the old one, that looks like any other.
 * So the metadata of each offset that a worker commits begins with the topic's partitions, the
 * place and the append time of a record that it had received, the youngest of which it is
 * certain that it is of the same log as those before it:
 *
 *     w1:4:1f:18c2a7d1f00:…    of 4, it had received the record at 0x1f, appended at that time
 *     w1:4:-:…                 it had received none
 *     w1?…                     it was still learning from the log what had been answered: the
 *                              next owner has to learn it again
 *
 * Metadata that does not begin so is not a worker's.  The partitions are those of the first
 * owner: where somebody has added some since, what lies there was put by the older count.
 */
#pragma once

#include "bus.h"

struct log_tag {
    int32_t partitions; /* by which records were put here; 0: not known */
    int64_t offset;     /* BUS_OFFSET_NONE: nothing was received */
    int64_t append_ms;  /* of the record there */
    int64_t
        learn_until; /* records below this offset are looked up in the log; 0: none are */
    int64_t last_offset; /* of the last record received; BUS_OFFSET_NONE: none here */
    int64_t last_ms;
};

/* Nothing is known of the log yet. */
void log_tag_init(struct log_tag *tag, int64_t learn_until);
/* A record was received. */
void log_tag_receive(struct log_tag *tag, int64_t offset, int64_t append_ms);
/* `checked`, a copy of the tag from before, was found to fit (log_tag_fits()): what had been
 * received by then is of the same log. */
void log_tag_move(struct log_tag *tag, const struct log_tag *checked);
/* The metadata with the tag before it; takes the metadata, g_free it. */
char *log_tag_before(const struct log_tag *tag, char *metadata_taken);
/* What follows the tag (borrowed); NULL: it is not a worker's, or a worker's that was still
 * learning. */
const char *log_tag_read(const char *metadata, struct log_tag *ret_tag);

/* Blocks.  Whether the log is still the one that the tag is of: a record that is younger than
 * the tag's does not stand at its place or before.  (A broker's clock that was set back says no
 * to the right log, too: then more is read than would have to be.) */
bool log_tag_fits(struct bus *bus, const char *topic, int32_t partition,
                  const struct log_tag *tag, bool *ret_fits, GError **error);
