/*
 * log_tag.c - what proves that a committed offset is a worker's, and of this log.
 */
#include "log_tag.h"

#include <string.h>

#define ASK_MS   30000
#define COMPLETE "w1:"
#define LEARNING "w1?"

void log_tag_init(struct log_tag *tag, int64_t learn_until)
{
    *tag = (struct log_tag){
        .offset = BUS_OFFSET_NONE,
        .learn_until = learn_until,
        .last_offset = BUS_OFFSET_NONE,
    };
}

/* The first one is taken as it is: the log was looked at just now. */
void log_tag_receive(struct log_tag *tag, int64_t offset, int64_t append_ms)
{
    if (offset <= tag->last_offset)
        return; /* delivered twice */
    tag->last_offset = offset;
    tag->last_ms = append_ms;
    if (offset + 1 >= tag->learn_until)
        tag->learn_until = 0;
    if (tag->offset == BUS_OFFSET_NONE)
        log_tag_move(tag, tag);
}

void log_tag_move(struct log_tag *tag, const struct log_tag *checked)
{
    if (checked->last_offset <= tag->offset || checked->last_offset > tag->last_offset)
        return;
    tag->offset = checked->last_offset;
    tag->append_ms = checked->last_ms;
}

char *log_tag_before(const struct log_tag *tag, char *metadata_taken)
{
    g_autofree char *metadata = metadata_taken;
    if (tag->learn_until > 0)
        return g_strconcat(LEARNING, metadata, NULL);
    if (tag->offset == BUS_OFFSET_NONE)
        return g_strdup_printf(COMPLETE "%x:-:%s", tag->partitions, metadata);
    return g_strdup_printf(COMPLETE "%x:%" G_GINT64_MODIFIER "x:%" G_GINT64_MODIFIER
                                    "x:%s",
                           tag->partitions, tag->offset, tag->append_ms, metadata);
}

/* A number as log_tag_before() writes it, and the colon behind it. */
static bool read_number(const char **at, int64_t *ret_number)
{
    char *end;
    if (!g_ascii_isxdigit(**at))
        return false;
    const guint64 number = g_ascii_strtoull(*at, &end, 16);
    if (*end != ':' || number > G_MAXINT64)
        return false;
    *at = end + 1;
    *ret_number = (int64_t)number;
    return true;
}

const char *log_tag_read(const char *metadata, struct log_tag *ret_tag)
{
    struct log_tag tag;
    log_tag_init(&tag, 0);
    if (!metadata || !g_str_has_prefix(metadata, COMPLETE))
        return NULL;
    const char *at = metadata + strlen(COMPLETE);
    int64_t partitions;
    if (!read_number(&at, &partitions) || partitions > G_MAXINT32)
        return NULL;
    tag.partitions = (int32_t)partitions;
    if (g_str_has_prefix(at, "-:"))
        at += strlen("-:");
    else if (!read_number(&at, &tag.offset) || !read_number(&at, &tag.append_ms))
        return NULL;
    *ret_tag = tag;
    return at;
}

/* One question to the broker, and no record is read: a partition may hold a week of them. */
bool log_tag_fits(struct bus *bus, const char *topic, int32_t partition,
                  const struct log_tag *tag, bool *ret_fits, GError **error)
{
    int64_t younger = INT64_MAX;
    if (tag->offset != BUS_OFFSET_NONE &&
        !bus_topic_offset_at(bus, topic, partition, tag->append_ms + 1, ASK_MS, &younger,
                             error))
        return false;
    *ret_fits = younger > tag->offset;
    return true;
}
