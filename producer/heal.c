/*
 * heal.c - whether a missing server is to be started without a person.
 */
#include "heal.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

/* How long after it turned missing, or after the last attempt. */
static const int64_t delays_ms[HEAL_ATTEMPTS] = {
    10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 30 * MINUTE_MS,
};

bool heal_is_word(const char *word)
{
    return g_strcmp0(word, "show") == 0 || g_strcmp0(word, "start") == 0;
}

bool heal_is_asked(const struct server_row *server, const struct agent_row *agent)
{
    const char *word = server->on_missing ? server->on_missing : agent->on_missing;
    return g_strcmp0(word, "start") == 0;
}

static int64_t due_at(const struct heal_facts *facts)
{
    int64_t since = facts->server->missing_since;
    if (facts->last_attempt_at != CONTRACT_NONE)
        since = MAX(since, facts->last_attempt_at);
    return since + delays_ms[facts->attempts];
}

enum heal heal_decide(const struct heal_facts *facts, int64_t *ret_due_at)
{
    const struct server_row *server = facts->server;
    if (server->status != STATUS_MISSING || server->missing_since == CONTRACT_NONE)
        return HEAL_NOT_MISSING;
    if (!heal_is_asked(server, facts->agent))
        return HEAL_NOT_ASKED;
    if (!server->meant_to_run)
        return HEAL_NOT_MEANT;
    if (server->open->len > 0)
        return HEAL_BUSY;
    if (facts->agent->mass_absence_at != CONTRACT_NONE)
        return HEAL_MASS;
    if (facts->not_read)
        return HEAL_NOT_READ;
    if (facts->online != MAYBE_YES)
        return HEAL_OFFLINE;
    if (server->data_exists == MAYBE_UNKNOWN || server->data_gone)
        return HEAL_NO_DATA;
    if (facts->attempts >= HEAL_ATTEMPTS)
        return HEAL_GAVE_UP;
    if (facts->now >= due_at(facts))
        return HEAL_STARTS;
    *ret_due_at = due_at(facts);
    return HEAL_WAITS;
}

const char *heal_sentence(enum heal heal)
{
    static const char *const sentences[HEAL_COUNT] = {
        [HEAL_NOT_MISSING] = "",
        [HEAL_NOT_ASKED] = "",
        [HEAL_NOT_MEANT] = "not started by itself: it was not meant to run",
        [HEAL_BUSY] = "",
        [HEAL_MASS] =
            ("not started by itself: many of its agent's servers are missing at "
             "once; `muster agent release` says that this is known"),
        [HEAL_NOT_READ] =
            ("not started by itself: something of its agent cannot be read by this "
             "muster"),
        [HEAL_OFFLINE] = "not started by itself: its agent is offline",
        [HEAL_NO_DATA] = "not started by itself: its data is not known to be there",
        [HEAL_GAVE_UP] =
            ("not started by itself any more: it was tried 5 times in vain, or "
             "went again each time"),
        [HEAL_WAITS] = "will be started by itself",
        [HEAL_STARTS] = "will be started by itself",
    };
    g_assert(heal < HEAL_COUNT);
    return sentences[heal];
}
