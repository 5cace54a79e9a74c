/*
 * seen.h - commands and containers of tests, from a few words.
 *
 *     running                    of this server, made by another command
 *     exited this                made by the command itself
 *     running foreign            not this server's
 *     … at TIME   code NUMBER   restarts NUMBER   on NETWORK
 *     … mounts NUMBER   restart POLICY   retries NUMBER   digest D   id ID   name NAME   mount SOURCE
 */
#pragma once

#include "container.h"

#include <string.h>

#define SEEN_COMMAND   "command-1"
#define SEEN_SERVER    "server-1"
#define SEEN_CONTAINER "steam-zomboid-a"

static inline void seen_set(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

/* A command with a spec that the planner can work with. */
static inline struct command *seen_command(const char *action)
{
    struct command *command = command_new();
    seen_set(&command->command_id, SEEN_COMMAND);
    seen_set(&command->server_id, SEEN_SERVER);
    seen_set(&command->action, action);
    command->spec = spec_new();
    seen_set(&command->spec->container, SEEN_CONTAINER);
    seen_set(&command->spec->image, "reg:5000/game");
    seen_set(&command->spec->image_tag, "1");
    seen_set(&command->spec->digest, "d1");
    seen_set(&command->spec->stop->signal, "SIGTERM");
    command->spec->stop->timeout_s = 10;
    return command;
}

static inline bool status_is_up(enum container_status status)
{
    return status == CONTAINER_RUNNING || status == CONTAINER_PAUSED ||
           status == CONTAINER_RESTARTING;
}

/* "name" or "name=id" */
static inline void seen_on(struct container *seen, const char *value)
{
    g_auto(GStrv) words = g_strsplit(value, "=", 2);
    g_ptr_array_add(seen->networks,
                    engine_network_new(words[0], words[1] ? words[1] : ""));
}

static inline void seen_word(struct container *seen, const char *word, const char *value)
{
    if (g_str_equal(word, "this"))
        seen_set(&seen->command_id, SEEN_COMMAND);
    else if (g_str_equal(word, "foreign"))
        seen_set(&seen->server_id, "");
    else if (g_str_equal(word, "at"))
        seen_set(&seen->started_text, value);
    else if (g_str_equal(word, "code"))
        seen->exit_code = g_ascii_strtoll(value, NULL, 10);
    else if (g_str_equal(word, "restarts"))
        seen->restart_count = g_ascii_strtoll(value, NULL, 10);
    else if (g_str_equal(word, "on"))
        seen_on(seen, value);
    else if (g_str_equal(word, "user"))
        seen_set(&seen->user, value);
    else if (g_str_equal(word, "restart"))
        seen_set(&seen->restart_policy, value);
    else if (g_str_equal(word, "mounts"))
        for (int i = atoi(value); i > 0; i--)
            g_ptr_array_add(seen->mounts,
                            mounted_new("bind", "", "/srv/a", "/data", false));
    else if (g_str_equal(word, "retries"))
        seen->restart_retries = g_ascii_strtoll(value, NULL, 10);
    else if (g_str_equal(word, "digest"))
        seen_set(&seen->spec_digest, value);
    else if (g_str_equal(word, "mount"))
        g_ptr_array_add(seen->mounts, mounted_new("bind", "", value, "/data", false));
    else if (g_str_equal(word, "id"))
        seen_set(&seen->id, value);
    else if (g_str_equal(word, "name"))
        seen_set(&seen->name, value);
    else
        g_error("\"%s\" says nothing about a container", word);
}

static inline struct container *seen_new(const char *words)
{
    struct container *seen = container_new();
    g_auto(GStrv) word = g_strsplit(words, " ", -1);
    seen->status = container_status_from_name(word[0]);
    if (seen->status == CONTAINER_ABSENT)
        return seen;
    seen->running = status_is_up(seen->status);
    seen->managed = true;
    seen_set(&seen->id, "c1");
    seen_set(&seen->name, SEEN_CONTAINER);
    seen_set(&seen->canonical, SEEN_CONTAINER);
    seen_set(&seen->server_id, SEEN_SERVER);
    seen_set(&seen->command_id, "command-0");
    seen_set(&seen->started_text, "0");
    for (char **next = word + 1; *next; next++) {
        const bool alone = g_str_equal(*next, "this") || g_str_equal(*next, "foreign");
        const char *name = *next;
        if (!alone && !*++next)
            g_error("%s: \"%s\" needs a value", words, name);
        seen_word(seen, name, alone ? NULL : *next);
    }
    return seen;
}
