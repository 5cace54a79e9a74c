/*
 * refold.c - folds agents anew, once this muster can read what was put aside.
 */
#include "refold.h"

#include "crash.h"
#include "fold.h"
#include "landmark.h"
#include "ledger_aside.h"
#include "ledger_log.h"
#include "ledger_refold.h"
#include "ledger_rows.h"
#include "log.h"
#include "replay.h"
#include "rules.h"
#include "shape.h"

#include <string.h>

/* One partition at work. */
struct refold {
    struct ledger *ledger;
    struct bus *bus;
    struct codec *codec;
    int32_t partitions;
    int32_t partition;
    struct folding folding;
    struct landmarks *landmarks;
    GHashTable *waiting; /* ids of Records that the ledger has not seen in the log */
    GPtrArray
        *confirmed; /* those of them that are in it: they could not be read before */
};

/* --- The log, from its beginning ---------------------------------------------------------------- */

static bool take(void *taker, const struct reading *reading,
                 const struct bus_record *record, const struct place *place,
                 GError **error)
{
    struct refold *refold = taker;
    const struct event *event = reading_event(reading);
    if (landmarks_await(refold->landmarks, record) &&
        landmarks_meet(refold->landmarks, record, error) == LANDMARK_WRONG)
        return false;
    if (event && event->record && g_hash_table_contains(refold->waiting, event->event_id))
        g_ptr_array_add(refold->confirmed, g_strdup(event->event_id));
    return folding_take(&refold->folding, reading, record, place, error);
}

static bool note_waiting(struct refold *refold, GError **error)
{
    g_autoptr(GPtrArray) events = ledger_unconfirmed(refold->ledger, error);
    for (guint i = 0; events && i < events->len; i++) {
        struct event *event = NULL;
        gsize length;
        const void *bytes = g_bytes_get_data(events->pdata[i], &length);
        if (codec_decode_event(refold->codec, bytes, length, &event, NULL) == DECODED)
            g_hash_table_add(refold->waiting, g_strdup(event->event_id));
        event_free(event);
    }
    return events != NULL;
}

static bool meet_landmark(struct refold *refold, GError **error)
{
    return landmarks_place(refold->landmarks, refold->partition) < 0 ||
           landmarks_miss(refold->landmarks, refold->bus, refold->partition, error);
}

/* `*ret_whole`: the log has its beginning.  That it is the ledger's log, ingest does not know yet:
 * nothing may be written before the last record that was taken has been met. */
static bool replay_partition(struct refold *refold, bool *ret_whole, GError **error)
{
    const struct replay replay = {refold->bus, refold->codec, refold->partitions,
                                  take,        refold,        NULL};
    int64_t next, events = 0;
    g_auto(Span) span;
    span_init(&span);
    if (!span_add(&span, refold->bus, TOPIC_EVENTS, refold->partition,
                  refold->partition + 1, error) ||
        !ledger_position(refold->ledger, refold->partition, &next, error))
        return false;
    struct bus_position *end = span.ends->pdata[0];
    *ret_whole = span_is_whole(&span);
    end->offset = MIN(end->offset, MAX(next, 0));
    return !*ret_whole ||
           (replay_run(&replay, &span, &events, error) && meet_landmark(refold, error));
}

/* --- Rows ------------------------------------------------------------------------------------------ */

/* What the log determines. */
static void overwrite(const struct table *table, void *row, const void *by)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].flags & COLUMN_LOG)
            column_copy(&table->columns[i], row, by);
}

static bool merge_agent(struct ledger *ledger, const void *by, GError **error)
{
    const struct agent_row *folded = by;
    g_autoptr(AgentRow) before = NULL;
    if (!ledger_load_agent(ledger, folded->id, &before, error))
        return false;
    g_autoptr(AgentRow) after = agent_row_dup(before ? before : folded);
    overwrite(&table_agents, after, folded);
    return ledger_update(ledger, &table_agents, before, after, error);
}

static bool merge_command(struct ledger *ledger, const void *by, GError **error)
{
    const struct command_row *folded = by;
    g_autoptr(CommandRow) before = NULL;
    if (!ledger_load_command(ledger, folded->command_id, &before, error))
        return false;
    g_autoptr(CommandRow) after = command_row_dup(before ? before : folded);
    overwrite(&table_commands, after, folded);
    return ledger_update(ledger, &table_commands, before, after, error);
}

/* Its open commands are those of the ledger, which have been merged before. */
static bool merge_server(struct ledger *ledger, const void *by, GError **error)
{
    const struct server_row *folded = by;
    g_autoptr(ServerRow) before = NULL;
    if (!ledger_load_server(ledger, folded->id, &before, error))
        return false;
    if (!before && (!ledger_store_server(ledger, folded, error) ||
                    !ledger_load_server(ledger, folded->id, &before, error)))
        return false;
    g_autoptr(ServerRow) after = server_row_dup(before);
    overwrite(&table_servers, after, folded);
    after->status = rule_status(after);
    if (after->status != before->status)
        after->status_at = folded->status_at;
    return ledger_update(ledger, &table_servers, before, after, error);
}

static const struct {
    const struct table *table;
    bool (*merge)(struct ledger *ledger, const void *by, GError **error);
} merged[] = {
    {&table_agents, merge_agent},
    {&table_commands, merge_command},
    {&table_servers, merge_server},
};

static bool merge_table(struct refold *refold, size_t which, GError **error)
{
    const struct table *table = merged[which].table;
    g_autoptr(Query) rows = query_rows(refold->folding.ledger, table, "", error);
    enum query_step step = QUERY_FAILED;
    while (rows && (step = query_step(rows, error)) == QUERY_ROW) {
        void *row = row_new(table);
        query_get_row(rows, table, row);
        const bool good = merged[which].merge(refold->ledger, row, error);
        row_free(table, row);
        if (!good)
            return false;
    }
    return step == QUERY_END;
}

/* --- Requests that are not in the log -------------------------------------------------------------- */

static bool apply_to_server(struct refold *refold, const struct event *event,
                            const struct place *here, GError **error)
{
    g_autoptr(ServerRow) server = NULL;
    if (!event->server_id)
        return true;
    if (!ledger_load_server(refold->ledger, event->server_id, &server, error))
        return false;
    if (!server)
        return true;
    fold_server(server, event, here);
    return ledger_store_server(refold->ledger, server, error);
}

static bool apply_to_agent(struct refold *refold, const struct event *event,
                           const struct place *here, GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    if (!ledger_load_agent(refold->ledger, event->agent_id, &agent, error))
        return false;
    if (!agent)
        return true;
    fold_agent(agent, event, here);
    return ledger_store_agent(refold->ledger, agent, error);
}

/* As the request did.  What is decreed comes into force in the log alone. */
static bool apply_request(struct refold *refold, const struct event *event,
                          GError **error)
{
    const struct place here = {-1, -1, event->at};
    if (!event->record ||
        partition_of(event->agent_id, refold->partitions) != refold->partition)
        return true;
    switch (event->record->kind) {
    case RECORD_COMMAND:
    case RECORD_SERVER:
        return apply_to_server(refold, event, &here, error);
    case RECORD_AGENT:
        return apply_to_agent(refold, event, &here, error);
    case RECORD_LOST:
    case RECORD_RELEASE:
    case RECORD_KIND_COUNT:
        return true;
    }
    g_assert_not_reached();
}

static bool apply_requests(struct refold *refold, GError **error)
{
    g_autoptr(GPtrArray) events = NULL;
    for (guint i = 0; i < refold->confirmed->len; i++)
        if (!ledger_confirm(refold->ledger, refold->confirmed->pdata[i], error))
            return false;
    events = ledger_unconfirmed(refold->ledger, error);
    for (guint i = 0; events && i < events->len; i++) {
        struct event *decoded = NULL;
        gsize length;
        const void *bytes = g_bytes_get_data(events->pdata[i], &length);
        if (codec_decode_event(refold->codec, bytes, length, &decoded, NULL) != DECODED)
            continue;
        g_autoptr(Event) event = decoded;
        if (!apply_request(refold, event, error))
            return false;
    }
    return events != NULL;
}

/* --- One partition ---------------------------------------------------------------------------------- */

static bool copy_aside(struct refold *refold, GError **error)
{
    g_autoptr(GPtrArray) rows = ledger_aside(refold->folding.ledger, error);
    if (!rows || !ledger_drop_aside(refold->ledger, refold->partition, error))
        return false;
    for (guint i = 0; i < rows->len; i++)
        if (!ledger_put_aside(refold->ledger, rows->pdata[i], error))
            return false;
    return true;
}

static bool write_all(struct refold *refold, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(merged); i++)
        if (!merge_table(refold, i, error))
            return false;
    return apply_requests(refold, error) &&
           ledger_copy_syncs(refold->ledger, refold->folding.ledger, error) &&
           copy_aside(refold, error);
}

static bool write_partition(struct refold *refold, GError **error)
{
    if (!ledger_begin(refold->ledger, error))
        return false;
    if (!write_all(refold, error)) {
        ledger_rollback(refold->ledger);
        return false;
    }
    crash_point("refold.applied");
    return ledger_commit(refold->ledger, error);
}

static bool refold_partition(struct refold *refold, GError **error)
{
    g_autofree char *partition = g_strdup_printf("%d", refold->partition);
    bool is_whole = false;
    refold->landmarks = landmarks_load(refold->ledger, refold->partitions, error);
    if (!refold->landmarks ||
        !folding_begin(&refold->folding, refold->codec, refold->partitions, error) ||
        !note_waiting(refold, error) || !replay_partition(refold, &is_whole, error))
        return false;
    if (!is_whole) {
        log_error("ingest.not_folded_anew", "partition", partition, "why",
                  "the log has lost its beginning");
        return true;
    }
    log_info("ingest.folded_anew", "partition", partition);
    return write_partition(refold, error);
}

static bool refold_one(struct ledger *ledger, struct bus *bus, struct codec *codec,
                       int32_t partitions, int32_t partition, GError **error)
{
    g_autoptr(GHashTable)
        waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) confirmed = g_ptr_array_new_with_free_func(g_free);
    struct refold refold = {.ledger = ledger,
                            .bus = bus,
                            .codec = codec,
                            .partitions = partitions,
                            .partition = partition,
                            .waiting = waiting,
                            .confirmed = confirmed};
    const bool good = refold_partition(&refold, error);
    folding_end(&refold.folding);
    landmarks_free(refold.landmarks);
    return good;
}

static bool refold_all(struct ledger *ledger, struct bus *bus, struct codec *codec,
                       int32_t partitions, GError **error)
{
    g_autoptr(GPtrArray) rows = ledger_aside(ledger, error);
    g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);
    for (guint i = 0; rows && i < rows->len; i++) {
        const struct aside_row *row = rows->pdata[i];
        const int32_t partition = (int32_t)row->partition;
        if (g_str_equal(row->reason, reading_name(READING_UNKNOWN_SCHEMA)) &&
            g_hash_table_add(done, GINT_TO_POINTER(partition)) &&
            !refold_one(ledger, bus, codec, partitions, partition, error))
            return false;
    }
    return rows != NULL;
}

/* --- Is it due? ------------------------------------------------------------------------------------- */

static char *reads_of(struct codec *codec)
{
    g_autoptr(GPtrArray) reads = codec_reads(codec, &shape_event);
    g_ptr_array_add(reads, NULL);
    return g_strjoinv(" ", (char **)reads->pdata);
}

static bool has_news(const char *mine, const char *others)
{
    g_auto(GStrv) words = g_strsplit(mine, " ", -1);
    for (char **word = words; *word; word++)
        if (!others || !strstr(others, *word))
            return true;
    return false;
}

/* Versions may take turns: what counts is what the one before could read, since it put aside the
 * rest; an older one leaves as it is what a newer one has folded. */
bool refold_if_due(struct ledger *ledger, struct bus *bus, struct codec *codec,
                   int32_t partitions, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *mine = reads_of(codec);
    g_autofree char *before = ledger_get_string(ledger, META_EVENTS_READS, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (g_strcmp0(mine, before) == 0)
        return true;
    if (has_news(mine, before) && !refold_all(ledger, bus, codec, partitions, error))
        return false;
    return ledger_set_string(ledger, META_EVENTS_READS, mine, error);
}
