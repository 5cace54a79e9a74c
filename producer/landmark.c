/*
 * landmark.c - the last record taken of each partition.
 */
#include "landmark.h"

#include "contract.h"
#include "eventlog.h"

struct mark {
    int64_t offset; /* -1: none, or it has been met */
    int64_t next;   /* the ledger goes on there: between the two lie markers alone */
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
        ledger,
        "SELECT partition, at_offset, append_ms, digest, next FROM landmarks "
        "JOIN positions USING (partition)",
        error);
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
        mark->next = query_get_integer(load, 4);
    }
    if (step == QUERY_END)
        return landmarks;
    landmarks_free(landmarks);
    return NULL;
}

int64_t landmarks_begin_at(const struct landmarks *landmarks, int32_t partition,
                           int64_t first, int64_t next)
{
    const struct mark *mark = &landmarks->marks[partition];
    return MAX(first, mark->offset < 0 ? next : MIN(next, mark->offset));
}

static bool wrong(int32_t partition, const struct mark *mark, const char *what,
                  GError **error)
{
    g_set_error(error, BUS_ERROR, BUS_ERROR_RANGE,
                "refused: the bus holds another log than the ledger was made from: "
                "at " TOPIC_EVENTS " %d @ %" G_GINT64_FORMAT
                ", the last record that was taken, %s. Another --bus or --ledger is "
                "meant, or the topic was made anew or put back from a backup",
                partition, mark->offset, what);
    return false;
}

enum landmark landmarks_meet(struct landmarks *landmarks, const struct bus_record *record,
                             GError **error)
{
    struct mark *mark = &landmarks->marks[record->partition];
    if (mark->offset < 0)
        return LANDMARK_NEWS;
    if (record->offset >= mark->next)
        return LANDMARK_GONE;
    g_autofree char *digest = digest_of(record);
    if (record->offset != mark->offset || record->append_ms != mark->append_ms ||
        !g_str_equal(digest, mark->digest)) {
        wrong(record->partition, mark, "there is another one now", error);
        return LANDMARK_WRONG;
    }
    mark->offset = -1;
    return LANDMARK_KNOWN;
}

bool landmarks_await(const struct landmarks *landmarks, const struct bus_record *record)
{
    return landmarks->marks[record->partition].offset == record->offset;
}

int64_t landmarks_place(const struct landmarks *landmarks, int32_t partition)
{
    return landmarks->marks[partition].offset;
}

/* Append times never fall: where the log has gone another way since then, what lies before that
 * place, be it a marker, came later than our record. */
bool landmarks_miss(struct landmarks *landmarks, struct bus *bus, int32_t partition,
                    GError **error)
{
    struct mark *mark = &landmarks->marks[partition];
    int64_t younger;
    if (!bus_topic_offset_at(bus, TOPIC_EVENTS, partition, mark->append_ms + 1,
                             EVENTLOG_MS, &younger, error))
        return false;
    if (younger <= mark->offset)
        return wrong(partition, mark,
                     "there is none now, and what lies before is younger", error);
    mark->offset = -1;
    return true;
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
