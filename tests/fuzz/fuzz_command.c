/*
 * fuzz_command.c - any bytes at all, as a command: what this host lets it do.
 *
 * The input is a command without its frame.  If the policy allows it, what the engine would
 * be asked for has nothing in it but what a spec may ask for, and mounts lie in the data root;
 * if not, the refusal is one line that shows no env value.  The
 * plan of what is allowed is short, and the paths of its requests are plain.
 *
 * A seed corpus lies in corpus/command.
 */
#include "codec.h"
#include "plan.h"
#include "policy.h"

#include <jansson.h>
#include <string.h>

#define FRAME_BYTES 10 /* C3 01 and the fingerprint */
#define SECRET      "hunter2hunter2"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that container_body.c may ever say below HostConfig. */
static const char *const host_config_keys[] = {
    "Mounts",    "PortBindings", "NetworkMode", "RestartPolicy", "Memory",
    "NanoCpus",  "PidsLimit",    "ShmSize",     "Tmpfs",         "Ulimits",
    "LogConfig", "CapDrop",      "CapAdd",      "SecurityOpt",   NULL};

static struct codec *codec;
static struct policy *policy;
static uint8_t frame[FRAME_BYTES];

static void set_up(void)
{
    g_autoptr(Command) command = command_new();
    codec = codec_new();
    g_autoptr(GBytes) bytes = codec_encode_command(codec, command);
    memcpy(frame, g_bytes_get_data(bytes, NULL), sizeof frame);
    policy = policy_new();
    g_assert(policy_add_data_root(policy, "/srv", NULL));
    g_assert(policy_add_registry(policy, "registry.example", NULL));
    g_assert(policy_add_registry(policy, "reg:5000", NULL));
}

static struct command *framed_command(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *whole = g_malloc(sizeof frame + size);
    struct command *command = NULL;
    memcpy(whole, frame, sizeof frame);
    memcpy(whole + sizeof frame, data, size);
    if (codec_decode_command(codec, whole, sizeof frame + size, &command, NULL) !=
        DECODED)
        return NULL;
    return command;
}

static void check_path(struct request *request_taken)
{
    g_assert(request_taken->path[0] == '/');
    for (const char *at = request_taken->path; *at; at++)
        g_assert(g_ascii_isgraph(*at));
    request_free(request_taken);
}

/* Of a command that was allowed. */
static void check_body(const struct command *command, int api)
{
    const struct terms terms = {policy, ENGINE_LOGS_IN_FILES, api};
    g_autofree char *text = container_create_body(command, command->spec->volumes,
                                                  &terms);
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *host = json_object_get(body, "HostConfig");
    const char *key;
    json_t *value;
    size_t i;
    g_assert(json_is_object(host));
    json_object_foreach(host, key, value)
        g_assert(g_strv_contains(host_config_keys, key));
    json_array_foreach(json_object_get(host, "Mounts"), i, value)
    {
        const char *source = json_string_value(json_object_get(value, "Source"));
        g_assert(g_str_has_prefix(source, "/srv/") && !strstr(source, "/../"));
    }
    json_decref(body);
}

static bool try_policy(const struct command *command)
{
    struct refusal refusal = {0};
    if (policy_allows(policy, command, &refusal)) {
        g_assert(!refusal.code && !refusal.message);
        if (command->spec) {
            check_body(command, 41);
            check_body(command, 44);
        }
        return true;
    }
    g_assert(refusal.code && !strpbrk(refusal.message, "\r\n"));
    g_assert(g_utf8_validate(refusal.message, -1, NULL));
    g_assert(!strstr(refusal.message, SECRET));
    refusal_clear(&refusal);
    return false;
}

/* Every value is one that nobody may see. */
static void hide_values(struct command *command)
{
    for (guint i = 0; command->spec && i < command->spec->env->len; i++) {
        struct pair *pair = g_ptr_array_index(command->spec->env, i);
        g_free(pair->value);
        pair->value = g_strdup(SECRET);
    }
}

/* What intake.c lets pass into a lane. */
static bool is_for_a_lane(const struct command *command)
{
    const enum action action = action_from_name(command->action);
    return action != ACTION_SYNC && action != ACTION_CANCEL && command->server_id &&
           *command->server_id;
}

static void try_plan(const struct command *command, enum container_status status)
{
    g_autoptr(Container) seen = container_new();
    struct plan plan = {0};
    seen->status = status;
    plan_make(command, seen, false, NULL, &plan);
    g_assert(plan.n_steps <= PLAN_STEPS_MAX && plan.n_undo <= PLAN_STEPS_MAX);
    g_autofree char *text = plan_text(&plan);
    g_assert(text && *text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!codec)
        set_up();
    if (memmem(data, size, SECRET, strlen(SECRET))) /* then other fields may show it */
        return 0;
    g_autoptr(Command) command = framed_command(data, size);
    if (!command)
        return 0;
    hide_values(command);
    if (!try_policy(command) || !is_for_a_lane(command))
        return 0;
    for (int status = CONTAINER_UNKNOWN; status < CONTAINER_STATUS_COUNT; status++)
        try_plan(command, (enum container_status)status);
    struct facts facts = {.command = command, .seen = container_new(), .api = 41};
    check_path(step_look_request(&facts));
    facts_clear(&facts);
    return 0;
}
