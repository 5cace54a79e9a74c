/*
 * letter.c - the commands and Record events that a request writes.
 */
#include "letter.h"

#include "numbers.h"
#include "shape.h"

#include <jansson.h>
#include <string.h>

static struct cause *cause_of(const struct letter *letter)
{
    struct cause *cause = g_new0(struct cause, 1);
    cause->command_id = g_strdup(letter->command_id);
    cause->action = g_strdup(action_name(letter->action));
    cause->actor = g_strdup(letter->actor);
    cause->topic = g_strdup(letter->topic);
    cause->partition = letter->partition;
    cause->offset = CONTRACT_NONE;
    return cause;
}

static struct options *options_dup(const struct options *options)
{
    return options ? shape_dup(&shape_options, options) : shape_new(&shape_options);
}

static void add_names(GPtrArray *names, const char *config)
{
    json_auto_t *object = numbers_load(config, strlen(config), 0, NULL);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) g_ptr_array_add(names, g_strdup(key));
}

static struct server_record *record_of_server(const struct server_row *server,
                                              const struct spec *spec)
{
    struct server_record *record = server_record_new();
    row_set(&record->name, server->name);
    row_set(&record->profile, server->profile);
    row_set(&record->image, server->image);
    row_set(&record->image_tag, server->image_tag);
    record->game_port = server->game_port;
    record->udp_port = server->udp_port;
    record->rcon_port = server->rcon_port;
    row_set(&record->server_data_path, server->server_data_path);
    add_names(record->config_names, server->config);
    row_set(&record->status, server_status_name(server->status));
    row_set(&record->container_id, server->container_id);
    record->data_exists = server->data_exists;
    record->created_at = server->created_at;
    record->updated_at = server->updated_at;
    record->deleted_at = server->deleted_at;
    row_set(&record->on_missing, server->on_missing);
    record->spec = spec ? spec_dup(spec) : NULL;
    return record;
}

static struct agent_record *record_of_agent(const struct agent_row *agent)
{
    struct agent_record *record = agent_record_new();
    row_set(&record->name, agent->name);
    row_set(&record->steam_zomboid_registry, agent->steam_zomboid_registry);
    row_set(&record->server_data_path, agent->server_data_path);
    row_set(&record->engine_id, agent->engine_id);
    record->partitions = agent->partitions;
    row_set(&record->on_missing, agent->on_missing);
    record->created_at = agent->created_at;
    record->updated_at = agent->updated_at;
    return record;
}

struct command *letter_command(const struct letter *letter, const char *agent_id,
                               const char *server_id)
{
    struct command *command = command_new();
    row_set(&command->command_id, letter->command_id);
    row_set(&command->agent_id, agent_id);
    row_set(&command->engine_id, letter->engine_id);
    row_set(&command->server_id, server_id);
    row_set(&command->action, action_name(letter->action));
    command->issued_at = letter->at;
    command->expires_at = letter->expires_at;
    row_set(&command->actor, letter->actor);
    row_set(&command->reason, letter->reason);
    row_set(&command->target, letter->target);
    command->spec = letter->spec ? spec_dup(letter->spec) : NULL;
    shape_free(&shape_options, command->options);
    command->options = options_dup(letter->options);
    return command;
}

struct event *letter_record(const struct letter *letter, const char *agent_id,
                            const struct server_row *server,
                            const struct agent_row *agent)
{
    struct event *event = event_new();
    struct record *record = record_new();
    row_set(&event->event_id, letter->event_id);
    row_set(&event->agent_id, agent_id);
    row_set(&event->server_id, server ? server->id : NULL);
    event->at = letter->at;
    event->cause = letter->command_id ? cause_of(letter) : NULL;
    event->record = record;
    record->kind = letter->kind;
    record->server = server ? record_of_server(server, letter->spec) : NULL;
    record->agent = agent ? record_of_agent(agent) : NULL;
    if (letter->command_id) {
        record->expires_at = letter->expires_at;
        record->options = options_dup(letter->options);
    }
    if (!letter->command_id)
        row_set(&record->actor, letter->actor);
    for (guint i = 0; letter->changed && i < letter->changed->len; i++)
        g_ptr_array_add(record->changed, g_strdup(letter->changed->pdata[i]));
    row_set(&record->target, letter->target);
    row_set(&record->reason, letter->reason);
    return event;
}
