/*
 * replay.c - the events of a span, decoded and in order; and folding them from nothing.
 *
 * What an event makes of the rows is apply.c's word, the same for ingest and here: there is
 * no second way to fold a log.
 */
#include "replay.h"

#include "apply.h"
#include "aside.h"

/* --- Events ---------------------------------------------------------------------------------------- */

struct run {
    const struct replay *replay;
    struct replay_progress progress;
};

static bool take_record(void *taker, const struct bus_record *record, GError **error)
{
    struct run *run = taker;
    const struct replay *replay = run->replay;
    const struct place place = {record->partition, record->offset, record->append_ms};
    g_auto(Reading) reading;
    reading_take(&reading, replay->codec, replay->partitions, record);
    run->progress.events++;
    run->progress.append_ms = record->append_ms;
    return replay->take(replay->taker, &reading, record, &place, error);
}

static void tell_progress(void *taker, double share)
{
    struct run *run = taker;
    run->progress.share = share;
    run->replay->progress(&run->progress);
}

bool replay_run(const struct replay *replay, const struct span *span, int64_t *ret_events,
                GError **error)
{
    struct run run = {replay, {.append_ms = CONTRACT_NONE}};
    if (!span_read(span, replay->bus, take_record,
                   replay->progress ? tell_progress : NULL, &run, error))
        return false;
    *ret_events = run.progress.events;
    return true;
}

/* --- Folding --------------------------------------------------------------------------------------- */

bool folding_begin(struct folding *folding, struct codec *codec, int32_t partitions,
                   GError **error)
{
    folding->codec = codec;
    folding->partitions = partitions;
    folding->ledger = ledger_make_scratch(error);
    return folding->ledger && ledger_begin(folding->ledger, error);
}

void folding_end(struct folding *folding)
{
    g_clear_pointer(&folding->ledger, ledger_close);
}

bool folding_take(void *taker, const struct reading *reading,
                  const struct bus_record *record, const struct place *place,
                  GError **error)
{
    struct folding *folding = taker;
    if (reading_event(reading))
        return apply_event(folding->ledger, folding->codec, reading->event, record->value,
                           place, error);
    folding->aside++;
    return aside_put(folding->ledger, folding->partitions, reading, record, error);
}
