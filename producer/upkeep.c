/*
 * upkeep.c - what `muster serve` does without being asked.
 */
#include "upkeep.h"

#include "decree.h"
#include "eventlog.h"
#include "ledger_aside.h"
#include "ledger_rows.h"
#include "ledger_upkeep.h"
#include "log.h"
#include "reach.h"
#include "rules.h"

#define MINUTE_MS   (INT64_C(60) * 1000)
#define LOST_EVERY  MINUTE_MS
#define PRUNE_EVERY (60 * MINUTE_MS)
#define LOST_GRACE  (60 * MINUTE_MS)          /* for a worker to answer `expired` */
#define LOST_AFTER  (8 * 24 * 60 * MINUTE_MS) /* topics keep commands for 7 days */
#define RELAY_SLACK \
 MINUTE_MS /* a command and its Record are one transaction of the relay */

struct upkeep {
    struct ledger *ledger;
    struct bus *bus;
    struct codec *codec;
    int64_t lost_due_at;
    int64_t prune_due_at;
    GHashTable *told; /* ids of servers that were given up, and the log told so */
};

struct upkeep *upkeep_new(struct ledger *ledger, struct bus *bus, struct codec *codec)
{
    struct upkeep *upkeep = g_new0(struct upkeep, 1);
    upkeep->ledger = ledger;
    upkeep->bus = bus;
    upkeep->codec = codec;
    upkeep->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return upkeep;
}

void upkeep_free(struct upkeep *upkeep)
{
    if (!upkeep)
        return;
    g_hash_table_unref(upkeep->told);
    g_free(upkeep);
}

/* --- Healing -------------------------------------------------------------------------------- */

bool upkeep_judge(struct ledger *ledger, const struct server_row *server,
                  const struct agent_row *agent, enum maybe online, int64_t now,
                  enum heal *ret_heal, GError **error)
{
    struct heal_facts facts = {server, agent, online, 0, CONTRACT_NONE, now, false};
    int64_t due_at, marked_at;
    if (!ledger_marked_at(ledger, agent->id, &marked_at, error) ||
        !ledger_count_asked(ledger, server->id, HEAL_ACTOR, now - HEAL_MEMORY_MS,
                            &facts.attempts, &facts.last_attempt_at, error))
        return false;
    facts.not_read = marked_at != CONTRACT_NONE;
    *ret_heal = heal_decide(&facts, &due_at);
    return true;
}

/* The ledger may refuse (a value that it does not have): that is no trouble of `serve`. */
static bool start_server(struct upkeep *upkeep, const struct server_row *server,
                         int64_t now, bool *ret_queued, GError **error)
{
    const struct request request = {
        .action = ACTION_START,
        .actor = HEAL_ACTOR,
        .reason = "missing, and on_missing is start",
        .now = now,
        .keep_data = true,
    };
    g_autoptr(GError) refused = NULL;
    g_autoptr(Queued) queued = request_action(upkeep->ledger, upkeep->codec, server->id,
                                              &request, &refused);
    if (queued) {
        log_info("heal.started", "server", server->id, "name", server->name, "command",
                 queued->command_id);
        *ret_queued = true;
        return true;
    }
    if (refused->domain == LEDGER_ERROR) {
        g_propagate_error(error, g_steal_pointer(&refused));
        return false;
    }
    if (g_hash_table_add(upkeep->told, g_strdup(server->id)))
        log_error("heal.refused", "server", server->id, "name", server->name, "why",
                  refused->message);
    return true;
}

static bool act_on(struct upkeep *upkeep, const struct server_row *server, enum heal heal,
                   int64_t now, bool *ret_queued, GError **error)
{
    if (heal == HEAL_STARTS)
        return start_server(upkeep, server, now, ret_queued, error);
    bool loud = heal == HEAL_GAVE_UP || heal == HEAL_NO_DATA;
    if (loud && g_hash_table_add(upkeep->told, g_strdup(server->id)))
        log_error("heal.gave_up", "server", server->id, "name", server->name, "why",
                  heal_sentence(heal));
    return true;
}

static bool heal_one(struct upkeep *upkeep, const char *server_id,
                     const GPtrArray *workers, int64_t now, bool *ret_queued,
                     GError **error)
{
    g_autoptr(ServerRow) server = NULL;
    g_autoptr(AgentRow) agent = NULL;
    enum heal heal;
    if (!ledger_load_server(upkeep->ledger, server_id, &server, error) ||
        !ledger_load_agent(upkeep->ledger, server->agent_id, &agent, error))
        return false;
    return upkeep_judge(upkeep->ledger, server, agent,
                        reach_agent(workers, agent->id, now), now, &heal, error) &&
           act_on(upkeep, server, heal, now, ret_queued, error);
}

static gboolean is_not_in(gpointer id, gpointer ignored, gpointer ids)
{
    return !g_ptr_array_find_with_equal_func(ids, id, g_str_equal, NULL);
}

static bool heal_all(struct upkeep *upkeep, int64_t now, bool *ret_queued, GError **error)
{
    g_autoptr(GPtrArray) ids = ledger_healable(upkeep->ledger, error);
    if (!ids)
        return false;
    g_hash_table_foreach_remove(upkeep->told, is_not_in, ids);
    if (ids->len == 0)
        return true;
    g_autoptr(GPtrArray) workers = ledger_workers(upkeep->ledger, NULL, error);
    for (guint i = 0; workers && i < ids->len; i++)
        if (!heal_one(upkeep, ids->pdata[i], workers, now, ret_queued, error))
            return false;
    return workers != NULL;
}

/* --- Lost commands --------------------------------------------------------------------------- */

/* Whether this partition holds nothing any more from the time when the command was sent. */
static bool has_left(struct upkeep *upkeep, const char *topic, int32_t partition,
                     int64_t sent_at, bool *ret_left, GError **error)
{
    int64_t first, end, later;
    if (!bus_topic_range(upkeep->bus, topic, partition, EVENTLOG_MS, &first, &end,
                         error) ||
        !bus_topic_offset_at(upkeep->bus, topic, partition, sent_at + RELAY_SLACK,
                             EVENTLOG_MS, &later, error))
        return false;
    *ret_left = later <= first;
    return true;
}

/* A sync's partition is not known, so it has left when it is in none. */
static bool has_left_topic(struct upkeep *upkeep, const struct command_row *command,
                           int32_t partitions, bool *ret_left, GError **error)
{
    enum action action = action_from_name(command->action);
    bool on_control = action != ACTION_UNKNOWN && rule_of(action)->on_control;
    g_autofree char *topic = on_control ? topic_control(command->agent_id)
                                        : topic_commands(command->agent_id);
    int32_t own = command->server_id ? partition_of(command->server_id, partitions) : -1;
    bool left = true;
    for (int32_t partition = MAX(own, 0); left && partition < partitions; partition++) {
        if (!has_left(upkeep, topic, partition, command->recorded_at, &left, error))
            return false;
        if (own >= 0)
            break;
    }
    *ret_left = left;
    return true;
}

static bool is_lost(struct upkeep *upkeep, const struct command_row *command, int64_t now,
                    bool *ret_lost, GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    g_autoptr(GError) why = NULL;
    *ret_lost = now - command->recorded_at > LOST_AFTER;
    if (*ret_lost)
        return true;
    if (!ledger_load_agent(upkeep->ledger, command->agent_id, &agent, error))
        return false;
    if (!agent ||
        has_left_topic(upkeep, command, (int32_t)agent->partitions, ret_lost, &why))
        return true;
    if (g_error_matches(why, BUS_ERROR, BUS_ERROR_NO_TOPIC))
        return true; /* its time comes */
    g_propagate_error(error, g_steal_pointer(&why));
    return false;
}

static bool close_lost(struct upkeep *upkeep, int64_t now, bool *ret_queued,
                       GError **error)
{
    if (now < upkeep->lost_due_at)
        return true;
    g_autoptr(GPtrArray)
        overdue = ledger_overdue(upkeep->ledger, now - LOST_GRACE, error);
    for (guint i = 0; overdue && i < overdue->len; i++) {
        const struct command_row *command = overdue->pdata[i];
        bool lost;
        if (!is_lost(upkeep, command, now, &lost, error))
            return false;
        if (!lost)
            continue;
        if (!decree_lost(upkeep->ledger, upkeep->codec, command, now, error))
            return false;
        log_error("upkeep.lost", "command", command->command_id, "action",
                  command->action);
        *ret_queued = true;
    }
    upkeep->lost_due_at = now + LOST_EVERY;
    return overdue != NULL;
}

static bool prune(struct upkeep *upkeep, int64_t now, GError **error)
{
    if (now < upkeep->prune_due_at)
        return true;
    upkeep->prune_due_at = now + PRUNE_EVERY;
    return ledger_prune(upkeep->ledger, now, error);
}

bool upkeep_step(struct upkeep *upkeep, int64_t now, bool *ret_queued, GError **error)
{
    *ret_queued = false;
    return close_lost(upkeep, now, ret_queued, error) &&
           heal_all(upkeep, now, ret_queued, error) && prune(upkeep, now, error);
}
