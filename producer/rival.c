/*
 * rival.c - another control plane on one log.
 */
#include "rival.h"

#include "clock.h"
#include "ledger_log.h"
#include "log.h"

#define META_SINCE \
 "ledger.since" /* append time of the first Record of ours that came back */
#define META_OTHER "ledger.other"      /* append time of the last one of another's … */
#define META_TEXT  "ledger.other_text" /* … and what is said of it */
#define DAY_MS     (INT64_C(24) * 3600 * 1000)
#define TELL_US    (60 * G_USEC_PER_SEC) /* between two words of it */

struct rival {
    struct ledger *ledger;
    char *id;
    int64_t since_ms; /* CONTRACT_NONE: none of ours has been met */
    int64_t other_ms; /* CONTRACT_NONE: none of another's */
    char *text;
    int64_t told_us;
};

void rival_free(struct rival *rival)
{
    if (!rival)
        return;
    g_free(rival->id);
    g_free(rival->text);
    g_free(rival);
}

struct rival *rival_load(struct ledger *ledger, GError **error)
{
    struct rival *rival = g_new0(struct rival, 1);
    rival->ledger = ledger;
    rival->id = ledger_id(ledger, error);
    if (rival->id && ledger_get_number(ledger, META_SINCE, &rival->since_ms, error) &&
        ledger_get_number(ledger, META_OTHER, &rival->other_ms, error)) {
        rival->text = ledger_get_string(ledger, META_TEXT, NULL);
        return rival;
    }
    rival_free(rival);
    return NULL;
}

const char *rival_text(const struct rival *rival)
{
    const bool is_news = rival->other_ms != CONTRACT_NONE &&
                         clock_now(rival->ledger) - rival->other_ms < DAY_MS;
    return is_news ? rival->text : NULL;
}

static bool note(struct rival *rival, const struct bus_record *record, const char *who,
                 GError **error)
{
    const int64_t now_us = g_get_monotonic_time();
    g_free(rival->text);
    rival->text = g_strdup_printf(
        "another control plane writes into this log: %s has written the Record at %d @ "
        "%" G_GINT64_FORMAT ". A log has one ledger: stop one of the two",
        who, record->partition, record->offset);
    rival->other_ms = record->append_ms;
    if (!rival->told_us || now_us - rival->told_us >= TELL_US) {
        log_error("ingest.other_control_plane", "why", rival->text);
        rival->told_us = now_us;
    }
    return ledger_set_number(rival->ledger, META_OTHER, rival->other_ms, error) &&
           ledger_set_string(rival->ledger, META_TEXT, rival->text, error);
}

static bool look_at_ours(struct rival *rival, const struct event *event,
                         const struct bus_record *record, bool is_live, GError **error)
{
    bool is_queued = true;
    if (rival->since_ms == CONTRACT_NONE) {
        rival->since_ms = record->append_ms;
        if (!ledger_set_number(rival->ledger, META_SINCE, rival->since_ms, error))
            return false;
    }
    /* One that is put back from a backup reads what it had asked for in its own future. */
    if (is_live && !ledger_is_queued(rival->ledger, event->event_id, &is_queued, error))
        return false;
    return is_queued || note(rival, record, "a copy of this ledger", error);
}

/* What is older than our first one was written by the ledger before us. */
bool rival_look(struct rival *rival, const struct event *event,
                const struct bus_record *record, bool is_live, GError **error)
{
    g_autofree char *id = event->record ? bus_record_dup_header(record, HEADER_LEDGER)
                                        : NULL;
    if (!id || !g_uuid_string_is_valid(id))
        return true;
    if (g_str_equal(id, rival->id))
        return look_at_ours(rival, event, record, is_live, error);
    if (rival->since_ms == CONTRACT_NONE || record->append_ms < rival->since_ms)
        return true;
    g_autofree char *who = g_strdup_printf("ledger %s", id);
    return note(rival, record, who, error);
}
