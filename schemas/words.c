/*
 * words.c - the words of contract.h as tables, so that a new one is a line.
 *
 * The same words stand in the .avsc files; a test holds them together.
 */
#include "words.h"

/* clang-format off */
const char *const words_action[] = {
    [ACTION_UNKNOWN]  = "unknown",
    [ACTION_CREATE]   = "create",
    [ACTION_START]    = "start",
    [ACTION_STOP]     = "stop",
    [ACTION_RESTART]  = "restart",
    [ACTION_REBUILD]  = "rebuild",
    [ACTION_RECREATE] = "recreate",
    [ACTION_RESTORE]  = "restore",
    [ACTION_DELETE]   = "delete",
    [ACTION_PURGE]    = "purge",
    [ACTION_CANCEL]   = "cancel",
    [ACTION_SYNC]     = "sync",
    [ACTION_COUNT]    = NULL,
};

const char *const words_outcome[] = {
    [OUTCOME_ACCEPTED]  = "accepted",
    [OUTCOME_PROGRESS]  = "progress",
    [OUTCOME_DONE]      = "done",
    [OUTCOME_FAILED]    = "failed",
    [OUTCOME_REJECTED]  = "rejected",
    [OUTCOME_EXPIRED]   = "expired",
    [OUTCOME_CANCELLED] = "cancelled",
    [OUTCOME_COUNT]     = NULL,
};

const char *const words_container_status[] = {
    [CONTAINER_UNKNOWN]      = "unknown",
    [CONTAINER_ABSENT]       = "absent",
    [CONTAINER_CREATED]      = "created",
    [CONTAINER_RUNNING]      = "running",
    [CONTAINER_PAUSED]       = "paused",
    [CONTAINER_RESTARTING]   = "restarting",
    [CONTAINER_REMOVING]     = "removing",
    [CONTAINER_EXITED]       = "exited",
    [CONTAINER_DEAD]         = "dead",
    [CONTAINER_STATUS_COUNT] = NULL,
};

const char *const words_maybe[] = {
    [MAYBE_UNKNOWN] = "unknown", [MAYBE_NO] = "no", [MAYBE_YES] = "yes", NULL,
};

const char *const words_protocol[] = {
    [PROTOCOL_TCP] = "tcp", [PROTOCOL_UDP] = "udp", [PROTOCOL_COUNT] = NULL,
};

const char *const words_pull[] = {
    [PULL_BY_ACTION] = "by_action",
    [PULL_ALWAYS]    = "always",
    [PULL_MISSING]   = "missing",
    [PULL_NEVER]     = "never",
    [PULL_COUNT]     = NULL,
};

const char *const words_sync_reason[] = {
    [SYNC_ON_START]      = "start",
    [SYNC_ON_ASSIGNMENT] = "assignment",
    [SYNC_ON_COMMAND]    = "command",
    [SYNC_ON_ENGINE]     = "engine",
    [SYNC_ON_CHANGE]     = "change",
    [SYNC_ON_TIME]       = "time",
    [SYNC_REASON_COUNT]  = NULL,
};

const char *const words_record_kind[] = {
    [RECORD_COMMAND]    = "command",
    [RECORD_SERVER]     = "server",
    [RECORD_AGENT]      = "agent",
    [RECORD_LOST]       = "lost",
    [RECORD_RELEASE]    = "release",
    [RECORD_KIND_COUNT] = NULL,
};
/* clang-format on */

int words_find(const char *const *words, const char *word)
{
    for (int i = 0; word && words[i]; i++)
        if (g_str_equal(words[i], word))
            return i;
    return -1;
}

const char *action_name(enum action action)
{
    g_assert(action < ACTION_COUNT);
    return words_action[action];
}

enum action action_from_name(const char *name)
{
    return (enum action)MAX(words_find(words_action, name), (int)ACTION_UNKNOWN);
}

const char *outcome_name(enum outcome outcome)
{
    g_assert(outcome < OUTCOME_COUNT);
    return words_outcome[outcome];
}

bool outcome_is_terminal(enum outcome outcome)
{
    return outcome >= OUTCOME_DONE;
}

const char *container_status_name(enum container_status status)
{
    g_assert(status < CONTAINER_STATUS_COUNT);
    return words_container_status[status];
}

enum container_status container_status_from_name(const char *name)
{
    int found = words_find(words_container_status, name);

    return (enum container_status)MAX(found, (int)CONTAINER_UNKNOWN);
}

const char *maybe_name(enum maybe maybe)
{
    g_assert(maybe <= MAYBE_YES);
    return words_maybe[maybe];
}

const char *protocol_name(enum protocol protocol)
{
    g_assert(protocol < PROTOCOL_COUNT);
    return words_protocol[protocol];
}

const char *pull_name(enum pull pull)
{
    g_assert(pull < PULL_COUNT);
    return words_pull[pull];
}

const char *sync_reason_name(enum sync_reason reason)
{
    g_assert(reason < SYNC_REASON_COUNT);
    return words_sync_reason[reason];
}

const char *record_kind_name(enum record_kind kind)
{
    g_assert(kind < RECORD_KIND_COUNT);
    return words_record_kind[kind];
}
