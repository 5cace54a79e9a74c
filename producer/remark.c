/*
 * remark.c - the table of remarks.
 */
#include "remark.h"

#include "reach.h"

typedef void (*say)(const struct remark_facts *facts, GString *text);

struct remark_row {
    const char *word;
    bool (*applies)(const struct remark_facts *facts);
    say brief; /* NULL: the word */
    say sentence;
};

/* --- Whose container can be spoken of ---------------------------------------------------- */

/* A container is there, and nothing is being done about it. */
static bool is_settled_with(const struct remark_facts *facts, enum server_status status)
{
    return facts->server->shown == SHOWN_PRESENT && facts->server->status == status;
}

static bool is_there(const struct remark_facts *facts)
{
    return is_settled_with(facts, STATUS_RUNNING) ||
           is_settled_with(facts, STATUS_STOPPED);
}

static bool has_status(const struct remark_facts *facts, enum server_status status)
{
    return facts->server->status == status;
}

/* --- The agent ------------------------------------------------------------------------------ */

static bool is_offline(const struct remark_facts *facts)
{
    return reach_hides(facts->server, facts->online);
}

static void brief_offline(const struct remark_facts *facts, GString *text)
{
    g_string_append_printf(text, "agent offline, was %s",
                           server_status_name(facts->server->status));
}

static void tell_offline(const struct remark_facts *facts, GString *text)
{
    g_string_append_printf(text,
                           "No worker of its agent is heard of; it was %s when one last "
                           "was. `muster agent show` tells since when.",
                           server_status_name(facts->server->status));
}

static bool is_not_read(const struct remark_facts *facts)
{
    return facts->not_read && reach_is_on_host(facts->server->status);
}

static void brief_not_read(const struct remark_facts *facts, GString *text)
{
    g_string_append_printf(text, "cannot be read: newer worker? was %s",
                           server_status_name(facts->server->status));
}

static void tell_not_read(const struct remark_facts *facts, GString *text)
{
    g_string_append_printf(
        text,
        "The log holds something of its agent that this muster cannot read, as of a newer "
        "worker: upgrade muster, or `muster agent release` says that this is known; "
        "`muster audit aside` shows it.  By what could be read it is %s.",
        server_status_name(facts->server->status));
}

static bool is_mass_absent(const struct remark_facts *facts)
{
    return facts->mass_absence && has_status(facts, STATUS_MISSING);
}

static void tell_mass_absence(const struct remark_facts *facts, GString *text)
{
    g_string_append(
        text, "Many of its agent's servers turned missing at once, so none is started "
              "by itself until `muster agent release` says that this is known.");
}

/* --- Healing --------------------------------------------------------------------------------- */

static bool heals(const struct remark_facts *facts)
{
    return facts->heal == HEAL_WAITS || facts->heal == HEAL_STARTS;
}

static bool is_not_healed(const struct remark_facts *facts)
{
    return *heal_sentence(facts->heal) && !heals(facts) && facts->heal != HEAL_MASS &&
           facts->heal != HEAL_NOT_READ;
}

static void brief_healing(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, heal_sentence(facts->heal));
}

static void tell_healing(const struct remark_facts *facts, GString *text)
{
    g_string_append_printf(text, "It is missing, and %s.", heal_sentence(facts->heal));
}

/* --- The container ----------------------------------------------------------------------------- */

static bool is_not_known(const struct remark_facts *facts)
{
    return reach_is_unknown(facts->server) && !is_offline(facts);
}

static void brief_not_known(const struct remark_facts *facts, GString *text)
{
    g_string_append_printf(text, "not known how it is, was %s",
                           server_status_name(facts->server->status));
}

static void tell_not_known(const struct remark_facts *facts, GString *text)
{
    g_string_append_printf(
        text,
        "A container of it is there, and nobody can say how it is: it was set aside by a "
        "rebuild that has ended, or bears another name, or did not answer; it was %s.",
        server_status_name(facts->server->status));
}

/* What its worker says: only that sees what a container does between two events. */
static bool is_told(const struct remark_facts *facts, const char *word)
{
    g_auto(GStrv) words = g_strsplit(facts->server->container_remarks, " ", -1);
    return g_strv_contains((const char *const *)words, word);
}

static bool is_restarting(const struct remark_facts *facts)
{
    return is_settled_with(facts, STATUS_RUNNING) && is_told(facts, STATE_RESTARTING);
}

/* "4 times, the last time at 14:03:12 UTC" */
static void add_restarts(const struct server_row *server, GString *text)
{
    g_string_append_printf(text, "%" G_GINT64_FORMAT " times", server->restart_count);
    if (server->started_at == CONTRACT_NONE)
        return;
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(server->started_at / 1000);
    g_autofree char *when = at ? g_date_time_format(at, "%F %T UTC") : NULL;
    if (when)
        g_string_append_printf(text, ", the last seen at %s", when);
}

static void brief_restarting(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "restarting: ");
    add_restarts(facts->server, text);
}

static void tell_restarting(const struct remark_facts *facts, GString *text)
{
    g_string_append(text,
                    "It does not stay up, and the engine starts it again and again: ");
    add_restarts(facts->server, text);
    g_string_append(text, "; its log tells why.");
}

static bool is_oom_killed(const struct remark_facts *facts)
{
    return is_there(facts) &&
           (facts->server->oom_killed || is_told(facts, STATE_OOM_KILLED));
}

static void tell_oom_killed(const struct remark_facts *facts, GString *text)
{
    g_string_append(text,
                    "It used up the memory that it may have, and the kernel ended it: "
                    "give it more, or look what it needs so much for.");
}

static bool is_unhealthy(const struct remark_facts *facts)
{
    return is_settled_with(facts, STATUS_RUNNING) &&
           g_str_equal(facts->server->health, "unhealthy");
}

static void tell_unhealthy(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "It runs, but its own health check fails; its log, and `docker "
                          "inspect` on the host, tell more.");
}

static bool has_exited(const struct remark_facts *facts)
{
    const struct server_row *server = facts->server;
    return is_settled_with(facts, STATUS_STOPPED) && *server->last_action &&
           server->meant_to_run &&
           (server->container_status == CONTAINER_EXITED ||
            server->container_status == CONTAINER_DEAD);
}

/* "exit code 1, 2 s after its start", as far as it is known. */
static void add_end(const struct server_row *server, GString *text)
{
    if (server->exit_code != CONTRACT_NONE)
        g_string_append_printf(text, "exit code %" G_GINT64_FORMAT, server->exit_code);
    else
        g_string_append(text, "exit code not known");
    if (server->started_at != CONTRACT_NONE && server->finished_at != CONTRACT_NONE &&
        server->finished_at >= server->started_at)
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " s after its start",
                               (server->finished_at - server->started_at) / 1000);
}

static void brief_exited(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "exited: ");
    add_end(facts->server, text);
}

static void tell_exited(const struct remark_facts *facts, GString *text)
{
    g_string_append(text,
                    "It was made to run, and has ended without having been asked to: ");
    add_end(facts->server, text);
    g_string_append(text, "; its log tells more.");
}

/* --- The data and the record -------------------------------------------------------------------- */

static bool has_no_data(const struct remark_facts *facts)
{
    return facts->server->data_gone;
}

static void brief_no_data(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "no data");
}

static void tell_no_data(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "Its data is gone from the host.");
}

/* A container that was not made from the record has places of its own: volumes, and binds that
 * do not lie in the record's directory.  Adds them to `text`, if any. */
static bool add_places(const struct server_row *server, GString *text)
{
    json_auto_t *mounts = json_loads(server->container_mounts, 0, NULL);
    g_autofree char *inside = g_strconcat(server->data_dir, "/", NULL);
    bool any = false;
    size_t i;
    json_t *mount;
    if (server->shown != SHOWN_PRESENT || *server->container_spec)
        return false;
    json_array_foreach(mounts, i, mount)
    {
        const char *source = json_string_value(json_object_get(mount, "source"));
        const char *name = json_string_value(json_object_get(mount, "name"));
        const char *place = json_string_value(json_object_get(mount, "container_path"));
        const bool volume = name && *name;
        if (!source || !place || json_is_true(json_object_get(mount, "read_only")) ||
            (!volume && *server->data_dir && g_str_has_prefix(source, inside)))
            continue;
        g_string_append_printf(text, "%s%s%s (%s inside)", any ? ", " : "",
                               volume ? "the volume " : "", volume ? name : source,
                               place);
        any = true;
    }
    return any;
}

static bool has_data_elsewhere(const struct remark_facts *facts)
{
    g_autoptr(GString) places = g_string_new("");
    return add_places(facts->server, places) ||
           g_str_equal(facts->server->last_code, CODE_DATA_ELSEWHERE);
}

static void brief_data_elsewhere(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "data elsewhere");
}

static void tell_data_elsewhere(const struct remark_facts *facts, GString *text)
{
    g_autoptr(GString) places = g_string_new("");
    if (add_places(facts->server, places))
        g_string_append_printf(
            text,
            "Its container keeps data that the record does not know, in %s: "
            "a rebuild carries volumes over, and refuses for the rest.",
            places->str);
    else
        g_string_append_printf(text, "What it keeps was in the way: %s.",
                               facts->server->last_message);
}

static bool drifts(const struct remark_facts *facts)
{
    return facts->server->drift || facts->differs;
}

static void brief_drift(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "drift: a rebuild applies the record");
}

static void tell_drift(const struct remark_facts *facts, GString *text)
{
    if (facts->differs) {
        g_string_append_printf(text,
                               "Its container is an adopted one, and not as the record "
                               "has it: %s.",
                               facts->differs);
        return;
    }
    g_string_append(text,
                    "The record has changed since its container was made; a rebuild "
                    "applies it.");
}

/* --- The last command ----------------------------------------------------------------------------- */

static bool last_failed(const struct remark_facts *facts)
{
    const char *outcome = facts->server->last_outcome;
    return *outcome && !g_str_equal(outcome, outcome_name(OUTCOME_DONE));
}

static void brief_last(const struct remark_facts *facts, GString *text)
{
    const struct server_row *server = facts->server;
    g_string_append_printf(text, "%s %s: %s", server->last_action, server->last_outcome,
                           server->last_message);
}

static void tell_last(const struct remark_facts *facts, GString *text)
{
    g_string_append(text, "The last that was asked of it was not done: ");
    brief_last(facts, text);
}

/* --- The table -------------------------------------------------------------------------------------- */

static const struct remark_row table[REMARK_COUNT] = {
    [REMARK_AGENT_OFFLINE] = {"agent_offline", is_offline, brief_offline, tell_offline},
    [REMARK_NOT_READ] = {"not_read", is_not_read, brief_not_read, tell_not_read},
    [REMARK_MASS_ABSENCE] = {"mass_absence", is_mass_absent, NULL, tell_mass_absence},
    [REMARK_NOT_HEALED] = {"not_healed", is_not_healed, brief_healing, tell_healing},
    [REMARK_HEALING] = {"healing", heals, brief_healing, tell_healing},
    [REMARK_NOT_KNOWN] = {"not_known", is_not_known, brief_not_known, tell_not_known},
    [REMARK_RESTARTING] = {"restarting", is_restarting, brief_restarting,
                           tell_restarting},
    [REMARK_OOM_KILLED] = {"oom_killed", is_oom_killed, NULL, tell_oom_killed},
    [REMARK_UNHEALTHY] = {"unhealthy", is_unhealthy, NULL, tell_unhealthy},
    [REMARK_EXITED] = {"exited", has_exited, brief_exited, tell_exited},
    [REMARK_NO_DATA] = {"no_data", has_no_data, brief_no_data, tell_no_data},
    [REMARK_DATA_ELSEWHERE] = {"data_elsewhere", has_data_elsewhere, brief_data_elsewhere,
                               tell_data_elsewhere},
    [REMARK_DRIFT] = {"drift", drifts, brief_drift, tell_drift},
    [REMARK_LAST_FAILED] = {"last_failed", last_failed, brief_last, tell_last},
};

const char *remark_word(enum remark remark)
{
    g_assert(remark < REMARK_COUNT);
    return table[remark].word;
}

unsigned remark_judge(const struct remark_facts *facts)
{
    unsigned remarks = 0;
    for (unsigned i = 0; i < REMARK_COUNT; i++)
        if (table[i].applies(facts))
            remarks |= 1U << i;
    return remarks;
}

static char *said(say tell, const struct remark_facts *facts)
{
    GString *text = g_string_new("");
    tell(facts, text);
    return g_string_free(text, FALSE);
}

char *remark_brief(enum remark remark, const struct remark_facts *facts)
{
    g_assert(remark < REMARK_COUNT);
    return table[remark].brief ? said(table[remark].brief, facts)
                               : g_strdup(table[remark].word);
}

char *remark_sentence(enum remark remark, const struct remark_facts *facts)
{
    g_assert(remark < REMARK_COUNT);
    return said(table[remark].sentence, facts);
}
