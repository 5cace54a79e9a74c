/*
 * rules.c - the table of actions, seen from the control plane.
 *
 * What a worker does with an action is worker/plan.c; here is only when it may be asked for
 * and what is shown until the answer comes.
 */
#include "rules.h"

G_DEFINE_QUARK(muster_rules_error, rules_error)

#define HOUR_MS (INT64_C(3600) * 1000)

#define BIT(status) (1U << STATUS_##status)
#define BUSY        (BIT(CREATING) | BIT(REBUILDING))
#define LIVE        (BUSY | BIT(RUNNING) | BIT(STOPPED) | BIT(MISSING))
#define GONE        (BIT(DELETING) | BIT(DELETED))

/* clang-format off */
static const struct rule rules[ACTION_COUNT] = {
    /*                  allowed                    with        without     spec   makes  control expires */
    [ACTION_CREATE]   = {0,                          STATUS_CREATING,   STATUS_CREATING,   true,  true,  false,  1 * HOUR_MS,
                         "make a server's record and its container, and start it"},
    [ACTION_START]    = {LIVE | BIT(FAILED),         STATUS_NONE,       STATUS_CREATING,   true,  true,  false,  1 * HOUR_MS,
                         "make it run; its container is made again if it is gone"},
    [ACTION_STOP]     = {LIVE | BIT(FAILED),         STATUS_NONE,       STATUS_NONE,       true,  false, false,  1 * HOUR_MS,
                         "save and stop it"},
    [ACTION_RESTART]  = {LIVE | BIT(FAILED),         STATUS_NONE,       STATUS_CREATING,   true,  true,  false,  1 * HOUR_MS,
                         "save, stop and start it"},
    [ACTION_REBUILD]  = {LIVE | BIT(FAILED),         STATUS_REBUILDING, STATUS_REBUILDING, true,  true,  false,  1 * HOUR_MS,
                         "pull the image and replace the container, with the old one to fall back on"},
    [ACTION_RECREATE] = {LIVE | BIT(FAILED),         STATUS_NONE,       STATUS_CREATING,   true,  true,  false,  1 * HOUR_MS,
                         "make its container again if it is gone; touch nothing if it is there"},
    [ACTION_RESTORE]  = {LIVE | BIT(FAILED) | GONE,  STATUS_NONE,       STATUS_CREATING,   true,  true,  false,  1 * HOUR_MS,
                         "bring a deleted server's container back, with its data"},
    [ACTION_DELETE]   = {LIVE | BIT(FAILED) | GONE,  STATUS_DELETING,   STATUS_DELETING,   true,  false, false, 24 * HOUR_MS,
                         "remove its container; record and data stay"},
    [ACTION_PURGE]    = {LIVE | BIT(FAILED) | GONE,  STATUS_DELETING,   STATUS_DELETING,   true,  false, false, 24 * HOUR_MS,
                         "remove its container and its data, for good"},
    [ACTION_CANCEL]   = {LIVE | BIT(FAILED) | GONE,  STATUS_NONE,       STATUS_NONE,       false, false, true,   1 * HOUR_MS,
                         "end its open command"},
    [ACTION_SYNC]     = {0,                          STATUS_NONE,       STATUS_NONE,       false, false, true,   HOUR_MS / 6,
                         "have the workers list what is there"},
};
/* clang-format on */

const struct rule *rule_of(enum action action)
{
    g_assert(action > ACTION_UNKNOWN && action < ACTION_COUNT);
    return &rules[action];
}

bool rule_allows(enum action action, enum server_status status)
{
    return rule_of(action)->allowed & (1U << status);
}

static bool has_target(enum action action, const struct server_row *server)
{
    return action != ACTION_CANCEL || server->open->len > 0;
}

bool rule_needs_fresh(const struct server_row *server)
{
    return server->data_gone &&
           (server->status == STATUS_MISSING || server->status == STATUS_DELETED);
}

static bool needs_fresh(enum action action, const struct server_row *server)
{
    return rule_of(action)->makes && action != ACTION_CREATE && rule_needs_fresh(server);
}

/* What is asked for after a purge is carried out after it, and would make a container of what is
 * gone for good. */
static bool waits_for_purge(enum action action, const struct server_row *server)
{
    for (guint i = 0; i < server->open->len; i++) {
        const struct open_command *open = server->open->pdata[i];
        if (open->action == ACTION_PURGE)
            return rule_of(action)->makes;
    }
    return false;
}

unsigned rule_actions(const struct server_row *server)
{
    unsigned actions = 0;
    for (int i = ACTION_UNKNOWN + 1; i < ACTION_COUNT; i++)
        if (rule_allows((enum action)i, server->status) &&
            !waits_for_purge((enum action)i, server) &&
            has_target((enum action)i, server))
            actions |= 1U << i;
    return actions;
}

char *rule_possible(const struct server_row *server)
{
    GString *text = g_string_new("");
    unsigned actions = rule_actions(server);
    for (int i = ACTION_UNKNOWN + 1; i < ACTION_COUNT; i++)
        if (actions & 1U << i)
            g_string_append_printf(text, "%s%s%s", text->len ? ", " : "",
                                   action_name((enum action)i),
                                   needs_fresh((enum action)i, server) ? " --fresh" : "");
    if (text->len == 0)
        g_string_append(text, "nothing");
    return g_string_free(text, FALSE);
}

bool rule_check(enum action action, const struct server_row *server, bool fresh,
                GError **error)
{
    if (!rule_allows(action, server->status)) {
        g_autofree char *possible = rule_possible(server);
        g_set_error(error, RULES_ERROR, RULES_ERROR_REFUSED,
                    "cannot %s %s: it is %s; possible now: %s", action_name(action),
                    server->name, server_status_name(server->status), possible);
        return false;
    }
    if (waits_for_purge(action, server)) {
        g_autofree char *possible = rule_possible(server);
        g_set_error(error, RULES_ERROR, RULES_ERROR_REFUSED,
                    "cannot %s %s: its purge has been asked for, and has not ended; "
                    "possible now: %s",
                    action_name(action), server->name, possible);
        return false;
    }
    if (needs_fresh(action, server) && !fresh) {
        g_autofree char *possible = rule_possible(server);
        g_set_error(error, RULES_ERROR, RULES_ERROR_REFUSED,
                    "cannot %s %s: its data in %s is gone; --fresh begins with new data; "
                    "possible now: %s",
                    action_name(action), server->name, server->data_dir, possible);
        return false;
    }
    if (!has_target(action, server)) {
        g_set_error(error, RULES_ERROR, RULES_ERROR_REFUSED,
                    "cannot cancel: %s has no open command", server->name);
        return false;
    }
    return true;
}

/* Of a server that has a container, as far as anybody knows. */
static bool has_container(const struct server_row *server)
{
    return server->missing_since == CONTRACT_NONE &&
           (server->settled_status == STATUS_RUNNING ||
            server->settled_status == STATUS_STOPPED);
}

enum server_status rule_status(const struct server_row *server)
{
    for (guint i = server->open->len; i > 0; i--) {
        const struct open_command *open = server->open->pdata[i - 1];
        if (open->action == ACTION_UNKNOWN)
            continue;
        const struct rule *rule = rule_of(open->action);
        enum server_status status = has_container(server) ? rule->with : rule->without;
        if (status != STATUS_NONE)
            return status;
    }
    return server->missing_since != CONTRACT_NONE ? STATUS_MISSING
                                                  : server->settled_status;
}
