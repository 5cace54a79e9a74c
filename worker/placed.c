/*
 * placed.c - does a command count where it lies?
 */
#include "placed.h"

const char *placed_what_is_missing(const struct command *command)
{
    if (!*command->command_id)
        return "the command has no command_id";
    if (command->expires_at == CONTRACT_NONE || command->expires_at <= 0)
        return "the command has no expires_at";
    return NULL;
}

static const char *judge_key(const struct command *command,
                             const struct place_found *found, char **ret_message)
{
    const char *server = command->server_id;
    if (g_strcmp0(found->key, server) != 0) {
        *ret_message = g_strdup_printf(
            "the command %s of server %s has the key %.64s: the key is the server's id",
            command->command_id, server, found->key ? found->key : "(none)");
        return CODE_WRONG_PLACE;
    }
    const int32_t right = partition_of(server, found->partitions);
    if (found->partition == right)
        return NULL;
    *ret_message = g_strdup_printf(
        "the command %s of server %s lies in partition %d; its "
        "key belongs into %d (murmur2)",
        command->command_id, server, found->partition, right);
    return CODE_WRONG_PLACE;
}

const char *placed_judge(const struct command *command, const struct place_found *found,
                         char **ret_message)
{
    const enum action action = action_from_name(command->action);
    const bool is_control = action == ACTION_SYNC || action == ACTION_CANCEL;
    if (!g_str_equal(command->agent_id, found->agent_id)) {
        *ret_message = g_strdup_printf(
            "the command %s is for the agent %s, this one is %s", command->command_id,
            command->agent_id, found->agent_id);
        return CODE_WRONG_AGENT;
    }
    if (action != ACTION_UNKNOWN && found->control != is_control) {
        *ret_message = g_strdup_printf("%s belongs into the %s topic", command->action,
                                       is_control ? "control" : "commands");
        return CODE_WRONG_PLACE;
    }
    if (!command->server_id || !*command->server_id)
        return NULL;
    return judge_key(command, found, ret_message);
}

bool placed_counts(const struct command *command, const struct place_found *found)
{
    g_autofree char *message = NULL;
    return !placed_what_is_missing(command) && !placed_judge(command, found, &message);
}
