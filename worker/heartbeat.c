/*
 * heartbeat.c - signs of life.
 */
#include "heartbeat.h"

#include "shape.h"

struct heartbeats {
    struct heartbeats_setup setup;
    struct bus_teller *teller;
    struct heartbeat *beat; /* the next one, but for its time */
    char *key;
    int64_t due_at; /* host time */
    struct log_clock clock;
};

static void set_text(char **text, const char *to)
{
    g_free(*text);
    *text = g_strdup(to);
}

struct heartbeats *heartbeats_new(const struct heartbeats_setup *setup, GError **error)
{
    struct bus_teller *teller = bus_teller_open(setup->bus, error);
    if (!teller)
        return NULL;
    struct heartbeats *heartbeats = g_new0(struct heartbeats, 1);
    struct heartbeat *beat = heartbeat_new();
    heartbeats->setup = *setup;
    heartbeats->teller = teller;
    heartbeats->beat = beat;
    heartbeats->key = g_strdup_printf("%s/%s", setup->agent_id, setup->slot);
    set_text(&beat->agent_id, setup->agent_id);
    set_text(&beat->worker, setup->slot);
    set_text(&beat->host, g_get_host_name());
    set_text(&beat->version, MUSTER_VERSION);
    beat->interval_ms = setup->interval_ms;
    beat->started_at = g_get_real_time() / 1000;
    g_ptr_array_unref(beat->reads);
    beat->reads = codec_reads(setup->codec, &shape_command);
    return heartbeats;
}

void heartbeats_free(struct heartbeats *heartbeats)
{
    if (!heartbeats)
        return;
    bus_teller_close(heartbeats->teller);
    heartbeat_free(heartbeats->beat);
    g_free(heartbeats->key);
    g_free(heartbeats);
}

void heartbeats_assign(struct heartbeats *heartbeats, const struct assignment *assignment)
{
    g_ptr_array_set_size(heartbeats->beat->partitions, 0);
    for (guint i = 0; assignment && i < assignment->partitions->len; i++) {
        const struct partition *partition = g_ptr_array_index(assignment->partitions, i);
        g_ptr_array_add(heartbeats->beat->partitions,
                        g_strdup_printf("%d", partition->number));
    }
    heartbeats->due_at = 0;
}

void heartbeats_engine(struct heartbeats *heartbeats, const char *id, const char *version)
{
    set_text(&heartbeats->beat->engine_id, id);
    set_text(&heartbeats->beat->engine_version, version);
    heartbeats->due_at = 0;
}

void heartbeats_drain(struct heartbeats *heartbeats)
{
    heartbeats->beat->draining = true;
    heartbeats->due_at = 0;
}

void heartbeats_advance(struct heartbeats *heartbeats, unsigned queued, int64_t now_ms,
                        int64_t wall_ms)
{
    if (now_ms < heartbeats->due_at)
        return;
    heartbeats->due_at = now_ms + heartbeats->setup.interval_ms;
    heartbeats->beat->at = wall_ms;
    heartbeats->beat->queued = queued;
    g_autoptr(GBytes)
        bytes = codec_encode_heartbeat(heartbeats->setup.codec, heartbeats->beat);
    g_autoptr(BusMessage)
        message = bus_message_new(TOPIC_HEARTBEATS, 0, heartbeats->key, bytes);
    bus_teller_tell(heartbeats->teller, message,
                    NULL); /* a lost one is followed by the next */
}

const struct log_clock *heartbeats_clock(struct heartbeats *heartbeats)
{
    struct bus_heard heard;
    while (bus_teller_heard(heartbeats->teller, &heard))
        log_clock_hear(&heartbeats->clock, heard.append_ms, heard.told_at,
                       heard.heard_at);
    return &heartbeats->clock;
}
