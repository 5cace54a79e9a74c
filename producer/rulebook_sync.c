/*
 * rulebook_sync.c - does a sync agree with what came before it?
 *
 * A list takes time.  What happens meanwhile stands in the log before the sync (results,
 * states and syncs of a partition share one FIFO), and the sync holds such servers pending.
 * So a sync that says something of a server which a State or Result has shown otherwise,
 * later than the list was asked for, contradicts it.  What the list shows newly is no
 * contradiction: that is what syncs are for.
 */
#include "rulebook_parts.h"

#include "shape.h"

/* What the newest State or Result shows of a server. */
struct evidence {
    enum shown shown;
    int64_t at; /* event time: the same host's clock as listed_at */
    int64_t append_ms;
    int64_t offset;         /* in muster.events */
    int64_t command_offset; /* of the last result's command; CONTRACT_NONE */
    char *container_id;     /* "" if it is not known */
    char *container;
};

static void evidence_free(void *gone)
{
    struct evidence *evidence = gone;
    g_free(evidence->container_id);
    g_free(evidence->container);
    g_free(evidence);
}

GHashTable *evidence_table_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, evidence_free);
}

GHashTable *gatherings_new(void)
{
    return g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)sync_free);
}

/* --- Noting --------------------------------------------------------------------------------------- */

static struct evidence *evidence_of(const struct judged *judged)
{
    GHashTable *servers = judged->agent->servers;
    struct evidence *evidence = g_hash_table_lookup(servers, judged->event->server_id);
    if (!evidence) {
        evidence = g_new0(struct evidence, 1);
        evidence->command_offset = CONTRACT_NONE;
        g_hash_table_insert(servers, g_strdup(judged->event->server_id), evidence);
    }
    return evidence;
}

static void note_command(struct evidence *evidence, const struct event *event)
{
    if (!event->result || !event->cause || !outcome_is_terminal(event->result->outcome))
        return;
    g_autofree char *commands = topic_commands(event->agent_id);
    if (g_str_equal(event->cause->topic, commands))
        evidence->command_offset = event->cause->offset;
}

static enum shown shown_by(const struct state *state)
{
    if (state->status == CONTAINER_UNKNOWN)
        return SHOWN_NOTHING;
    return state->status == CONTAINER_ABSENT ? SHOWN_ABSENT : SHOWN_PRESENT;
}

void evidence_note(const struct judged *judged)
{
    const struct event *event = judged->event;
    const struct state *state = event->result ? event->result->state : event->state;
    if (!event->server_id || !(state || event->result))
        return;
    struct evidence *evidence = evidence_of(judged);
    note_command(evidence, event);
    if (!state)
        return;
    evidence->shown = shown_by(state);
    evidence->at = event->at;
    evidence->append_ms = judged->place->append_ms;
    evidence->offset = judged->place->offset;
    row_set(&evidence->container_id, state->container_id);
    row_set(&evidence->container, state->container);
}

/* --- Judging -------------------------------------------------------------------------------------- */

/* What the sync says of the server, by the rule by which the fold takes it. */
static enum says what_it_says(const struct presence_sync *index, const char *server_id,
                              const struct evidence *evidence,
                              const struct state **ret_state)
{
    g_autoptr(ServerRow) server = server_row_new();
    row_set(&server->id, server_id);
    row_set(&server->container_id, evidence->container_id);
    row_set(&server->container, evidence->container ? evidence->container : "");
    server->command_offset = evidence->command_offset;
    server->last_at = evidence->append_ms;
    return presence_in_sync(index, server, ret_state);
}

static bool is_same(const struct evidence *evidence, const struct state *state)
{
    return !evidence->container_id || !*evidence->container_id || !state->container_id ||
           g_str_equal(evidence->container_id, state->container_id);
}

static bool agrees(const struct evidence *evidence, enum says says,
                   const struct state *state)
{
    return says == SAYS_PRESENT
               ? evidence->shown == SHOWN_PRESENT && is_same(evidence, state)
               : evidence->shown == SHOWN_ABSENT;
}

static void judge_server(const struct judged *judged, const struct sync *sync,
                         const struct presence_sync *index, const char *server_id,
                         const struct evidence *evidence)
{
    const struct state *state = NULL;
    if (evidence->at <= sync->listed_at || evidence->shown == SHOWN_NOTHING)
        return;
    const enum says says = what_it_says(index, server_id, evidence, &state);
    if (says == SAYS_NOTHING || says == SAYS_UNKNOWN || agrees(evidence, says, state))
        return;
    judged_tell(judged, BREACH_SYNC_CONTRADICTS,
                "sync %s %s server %s, and does not hold it pending; it was %s at offset "
                "%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " ms after the list was begun",
                sync->sync_id,
                says == SAYS_ABSENT                ? "lacks"
                : evidence->shown == SHOWN_PRESENT ? "lists another container of"
                                                   : "lists",
                server_id, evidence->shown == SHOWN_PRESENT ? "there" : "gone",
                evidence->offset, evidence->at - sync->listed_at);
}

static void judge_whole(const struct judged *judged, const struct sync *sync)
{
    g_autoptr(PresenceSync) index = presence_sync_new(sync, judged->place->append_ms);
    GHashTableIter iter;
    void *id, *evidence;
    g_hash_table_iter_init(&iter, judged->agent->servers);
    while (g_hash_table_iter_next(&iter, &id, &evidence))
        if (partition_of(id, (int32_t)sync->partitions) == sync->partition)
            judge_server(judged, sync, index, id, evidence);
}

/* --- Chunks --------------------------------------------------------------------------------------- */

static void move_all(GPtrArray *to, GPtrArray *from)
{
    g_ptr_array_extend_and_steal(to, g_ptr_array_ref(from));
}

static void gather(struct sync *whole, const struct sync *chunk)
{
    g_autoptr(Sync) copy = shape_dup(&shape_sync, chunk);
    move_all(whole->servers, copy->servers);
    move_all(whole->pending, copy->pending);
    move_all(whole->unknown, copy->unknown);
    move_all(whole->extra, copy->extra);
    move_all(whole->unmanaged, copy->unmanaged);
    move_all(whole->others, copy->others);
    whole->chunk++;
}

/* Chunks of one sync are one transaction; one that is followed by another sync is not whole
 * in this part of the log, and says nothing. */
static void judge_chunk(const struct judged *judged, const struct sync *sync)
{
    GHashTable *gatherings = judged->agent->gatherings;
    void *key = GINT_TO_POINTER((int)sync->partition);
    struct sync *whole = g_hash_table_lookup(gatherings, key);
    if (!whole || !g_str_equal(whole->sync_id, sync->sync_id)) {
        whole = sync_new();
        row_set(&whole->sync_id, sync->sync_id);
        whole->partition = sync->partition;
        whole->partitions = sync->partitions;
        whole->listed_at = sync->listed_at;
        whole->seen = sync->seen;
        g_hash_table_insert(gatherings, key, whole);
    }
    gather(whole, sync);
    if (whole->chunk < sync->chunks)
        return;
    judge_whole(judged, whole);
    g_hash_table_remove(gatherings, key);
}

void evidence_judge_sync(const struct judged *judged)
{
    const struct sync *sync = judged->event->sync;
    const struct agent_row *agent = judged->agent->row;
    bool strange = agent->partitions > 0 && sync->partitions != agent->partitions;
    if (strange || sync->partition < 0 || sync->partition >= sync->partitions) {
        judged_tell(judged, BREACH_SYNC_PARTITIONS,
                    "sync %s is of partition %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                    ", the agent has %" G_GINT64_FORMAT,
                    sync->sync_id, sync->partition, sync->partitions, agent->partitions);
        return;
    }
    if (!sync->complete)
        return;
    if (sync->chunks > 1)
        judge_chunk(judged, sync);
    else
        judge_whole(judged, sync);
}
