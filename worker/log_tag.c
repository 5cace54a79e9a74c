/*
 * log_tag.c - which log a committed offset is of.
 */
#include "log_tag.h"

#include <string.h>

#define ASK_MS     30000
#define TAG_LENGTH 8 /* hex digits */

char *log_tag_ask(struct bus *bus, const char *topic)
{
    g_autofree char *id = bus_topic_log_id(bus, topic, ASK_MS, NULL);
    if (!id)
        return NULL;
    char *tag = g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);
    tag[TAG_LENGTH] = '\0';
    return tag;
}

char *log_tag_before(const char *tag, char *metadata_taken)
{
    g_autofree char *metadata = metadata_taken;
    return tag ? g_strconcat(tag, ":", metadata, NULL) : g_steal_pointer(&metadata);
}

/* Base64 has no colon. */
const char *log_tag_behind(const char *tag, const char *metadata)
{
    const char *colon = metadata ? strchr(metadata, ':') : NULL;
    if (!colon)
        return metadata ? metadata : "";
    const bool same = !tag || (strlen(tag) == (size_t)(colon - metadata) &&
                               strncmp(tag, metadata, strlen(tag)) == 0);
    return same ? colon + 1 : NULL;
}
