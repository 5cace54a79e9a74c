/*
 * landmark.c - the last record taken of each partition.
 */
#include "landmark.h"

#include "contract.h"

struct mark {
    int64_t offset; /* -1: none, or it has been met */
    int64_t append_ms;
    char *digest;
};

struct landmarks {
    struct mark *marks;
    int32_t partitions;
};

void landmarks_free(struct landmarks *landmarks)
{
    if (!landmarks)
        return;
    for (int32_t i = 0; i < landmarks->partitions; i++)
        g_free(landmarks->marks[i].digest);
    g_free(landmarks->marks);
    g_free(landmarks);
}

static char *digest_of(const struct bus_record *record)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize size = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &size) : NULL;
    if (record->key)
        g_checksum_update(sum, (const guchar *)record->key, -1);
    g_checksum_update(sum, (const guchar *)"", 1);
    if (size > 0)
        g_checksum_update(sum, bytes, (gssize)size);
    return g_strdup(g_checksum_get_string(sum));
}

struct landmarks *landmarks_load(struct ledger *ledger, int32_t partitions,
                                 GError **error)
{
    g_autoptr(Query) load = query(
        ledger, "SELECT partition, at_offset, append_ms, digest FROM landmarks", error);
    if (!load)
        return NULL;
    struct landmarks *landmarks = g_new0(struct landmarks, 1);
    landmarks->partitions = partitions;
    landmarks->marks = g_new0(struct mark, (gsize)partitions);
    for (int32_t i = 0; i < partitions; i++)
        landmarks->marks[i].offset = -1;
    enum query_step step;
    while ((step = query_step(load, error)) == QUERY_ROW) {
        int64_t partition = query_get_integer(load, 0);
        if (partition >= partitions)
            continue;
        struct mark *mark = &landmarks->marks[partition];
        mark->offset = query_get_integer(load, 1);
        mark->append_ms = query_get_integer(load, 2);
        mark->digest = g_strdup(query_get_text(load, 3));
    }
    if (step == QUERY_END)
        return landmarks;
    landmarks_free(landmarks);
    return NULL;
}

void landmarks_begin_at(const struct landmarks *landmarks, GPtrArray *positions)
{
    for (int32_t i = 0; i < landmarks->partitions; i++) {
        struct bus_position *position = positions->pdata[i];
        if (landmarks->marks[i].offset >= 0 && position->offset >= 0)
            position->offset = MIN(position->offset, landmarks->marks[i].offset);
    }
}

static enum landmark wrong(const struct bus_record *record, const struct mark *mark,
                           const char *what, GError **error)
{
    g_set_error(error, BUS_ERROR, BUS_ERROR_RANGE,
                "refused: the bus holds another log than the ledger was made from: at "
                "%s %d @ %" G_GINT64_FORMAT
                ", the last record that was taken, %s. Another "
                "--bus or --ledger is meant, the topic was made anew or put back from a "
                "backup, or compaction has eaten it",
                record->topic, record->partition, mark->offset, what);
    return LANDMARK_WRONG;
}

enum landmark landmarks_meet(struct landmarks *landmarks, const struct bus_record *record,
                             GError **error)
{
    struct mark *mark = &landmarks->marks[record->partition];
    if (mark->offset < 0)
        return LANDMARK_NEWS;
    if (record->offset != mark->offset)
        return wrong(record, mark, "there is none now", error);
    g_autofree char *digest = digest_of(record);
    if (record->append_ms != mark->append_ms || !g_str_equal(digest, mark->digest))
        return wrong(record, mark, "there is another one now", error);
    mark->offset = -1;
    return LANDMARK_KNOWN;
}

bool landmarks_await(const struct landmarks *landmarks, const struct bus_record *record)
{
    return landmarks->marks[record->partition].offset == record->offset;
}

bool landmarks_check(const struct landmarks *landmarks, int32_t partition, GError **error)
{
    const struct bus_record none = {.topic = (char *)TOPIC_EVENTS,
                                    .partition = partition};
    const struct mark *mark = &landmarks->marks[partition];
    return mark->offset < 0 ||
           wrong(&none, mark, "there is none now", error) != LANDMARK_WRONG;
}

bool landmarks_met(const struct landmarks *landmarks)
{
    for (int32_t i = 0; i < landmarks->partitions; i++)
        if (landmarks->marks[i].offset >= 0)
            return false;
    return true;
}

bool landmark_set(struct ledger *ledger, const struct bus_record *record, GError **error)
{
    g_autofree char *digest = digest_of(record);
    struct query *set = query(
        ledger, "INSERT OR REPLACE INTO landmarks VALUES (?1, ?2, ?3, ?4)", error);
    if (!set)
        return false;
    query_integer(set, 1, record->partition);
    query_integer(set, 2, record->offset);
    query_integer(set, 3, record->append_ms);
    query_text(set, 4, digest);
    return query_run(set, error);
}

bool landmarks_forget(struct ledger *ledger, GError **error)
{
    struct query *drop = query(ledger, "DELETE FROM landmarks", error);
    return drop && query_run(drop, error);
}
