/*
 * test_container.c - the engine's JSON and what we see in it: tests/cases/container/.
 *
 * Each .json has a .seen beside it, a line per field that is not empty.  inspect_*.json and
 * list.json are an Engine 20.10's own answers, but for those that no engine gives: newer,
 * least, wrong_types, odd.
 */
#include "container.h"
#include "policy_file.h"

#include "shape.h"

#include <jansson.h>
#include <string.h>

/* --- Files ------------------------------------------------------------------------------ */

static char *read_case(const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);
    g_autofree char *path = g_build_filename(TEST_CASES, "container", file, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static struct container *read_container(const char *name)
{
    g_autofree char *json = read_case(name, ".json");
    g_autoptr(GError) error = NULL;
    struct container *seen = container_parse(json, strlen(json), &error);

    g_assert_no_error(error);
    return seen;
}

/* --- A container as text ------------------------------------------------------------------ */

static void say(GString *text, const char *name, const char *value)
{
    if (*value != '\0')
        g_string_append_printf(text, "%s %s\n", name, value);
}

static void say_number(GString *text, const char *name, int64_t value)
{
    if (value != CONTRACT_NONE)
        g_string_append_printf(text, "%s %" G_GINT64_FORMAT "\n", name, value);
}

static void say_ports(GString *text, const GPtrArray *ports)
{
    for (guint i = 0; i < ports->len; i++) {
        const struct port *port = g_ptr_array_index(ports, i);
        g_string_append_printf(
            text, "port %s:%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT "/%s\n", port->host_ip,
            port->host_port, port->container_port, protocol_name(port->protocol));
    }
}

static void say_container(GString *text, const struct container *seen)
{
    g_string_append_printf(text, "%s%s%s%s\n", container_status_name(seen->status),
                           seen->running ? ", runs" : "",
                           seen->managed ? ", managed" : "",
                           container_is_canonical(seen) ? ", canonical" : "");
    say(text, "id", seen->id);
    say(text, "name", seen->name);
    say(text, "image", seen->image);
    say(text, "image_id", seen->image_id);
    say(text, "agent_id", seen->agent_id);
    say(text, "server_id", seen->server_id);
    say(text, "command_id", seen->command_id);
    say(text, "spec_digest", seen->spec_digest);
    say(text, "container", seen->canonical);
    say(text, "restart_policy", seen->restart_policy);
    for (guint i = 0; i < seen->networks->len; i++)
        say(text, "network",
            ((struct engine_network *)g_ptr_array_index(seen->networks, i))->name);
    say_ports(text, seen->ports);
    say_number(text, "started_at", seen->started_at);
    say(text, "started_text", seen->started_text);
    say_number(text, "finished_at", seen->finished_at);
    say_number(text, "exit_code", seen->exit_code);
    say_number(text, "restart_count", seen->restart_count);
    say(text, "oom_killed", seen->oom_killed ? "yes" : "");
    say(text, "health", seen->health);
    say(text, "error", seen->error);
}

static void check_inspect(const void *name)
{
    g_autoptr(Container) seen = read_container(name);
    g_autofree char *wanted = read_case(name, ".seen");
    g_autoptr(GString) text = g_string_new(NULL);

    say_container(text, seen);
    g_assert_cmpstr(text->str, ==, wanted);
}

static GPtrArray *read_list(const char *name)
{
    g_autofree char *json = read_case(name, ".json");
    g_autoptr(GError) error = NULL;
    GPtrArray *list = container_parse_list(json, strlen(json), &error);

    g_assert_no_error(error);
    return list;
}

static void check_list(const void *name)
{
    g_autoptr(GPtrArray) list = read_list(name);
    g_autofree char *wanted = read_case(name, ".seen");
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < list->len; i++) {
        g_string_append(text, i > 0 ? "\n" : "");
        say_container(text, g_ptr_array_index(list, i));
    }
    g_assert_cmpstr(text->str, ==, wanted);
}

/* --- What cannot be read ------------------------------------------------------------------- */

static void check_refused(const char *json, const char *said)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(container_parse(json, strlen(json), &error));
    g_assert_nonnull(strstr(error->message, said));
    g_assert_null(strstr(error->message, "hunter2"));
}

static void what_we_cannot_do_without_is_named(void)
{
    check_refused("", "no JSON");
    check_refused("[]", "no Id");
    check_refused("{\"message\":\"boom\"}", "no Id");
    check_refused("{\"Id\":7}", "no Id");
    check_refused("{\"Id\":\"9b\"}", "no Name");
    check_refused("{\"Id\":\"9b\",\"Name\":\"/\"}", "no Name");
    check_refused("{\"Id\":\"9b\",\"Name\":\"/x\"}", "no State.Status");
    check_refused("{\"Id\":\"9b\",\"Name\":\"/x\",\"State\":\"up\"}", "no State.Status");
    check_refused("{\"Config\":{\"Env\":[\"P=hunter2\",hunter2]}}", "no JSON from byte");
}

static void s01_a_list_is_whole_or_none(void)
{
    static const char *const lists[] = {
        "",
        "[",
        "{}",
        "null",
        "{\"message\":\"boom\"}",
        "[{\"Id\":\"01\",\"State\":\"running\"},{\"Id\":\"02\"}]",
        "[{\"Id\":\"01\",\"State\":\"running\"},7]",
        "[{\"Id\":\"01\",\"State\":\"running\"},{\"State\":\"running\"}]",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(container_parse_list(lists[i], strlen(lists[i]), &error));
        g_assert_nonnull(error);
    }
    g_autoptr(GPtrArray) none = container_parse_list("[]", 2, NULL);
    g_assert_cmpuint(none->len, ==, 0);
}

/* --- Whose it is ---------------------------------------------------------------------------- */

static struct spec *adopting(const char *id)
{
    struct spec *spec = spec_new();

    spec->adopt = g_strdup(id);
    return spec;
}

static enum whose whose_of(const struct container *seen, const char *agent_id,
                           const char *server_id, const struct spec *spec)
{
    const struct command command = {.agent_id = (char *)agent_id,
                                    .server_id = (char *)server_id,
                                    .spec = (struct spec *)spec};

    return container_whose(seen, &command);
}

static enum whose whose(const struct container *seen, const char *server_id,
                        const struct spec *spec)
{
    return whose_of(seen, seen->agent_id, server_id, spec);
}

static void t10_what_bears_another_agents_label_is_foreign(void)
{
    g_autoptr(Container) seen = read_container("inspect_running");
    g_autoptr(Spec) spec = spec_new();
    g_autoptr(GPtrArray) list = g_ptr_array_new();

    g_clear_pointer(&seen->agent_id, g_free);
    seen->agent_id = g_strdup("theirs");
    g_assert_cmpint(whose_of(seen, "theirs", "7c0ffee", spec), ==, WHOSE_OURS);
    g_assert_cmpint(whose_of(seen, "ours", "7c0ffee", spec), ==, WHOSE_FOREIGN);
    *seen->agent_id = '\0'; /* made before there was that label */
    g_assert_cmpint(whose_of(seen, "ours", "7c0ffee", spec), ==, WHOSE_OURS);
    *seen->agent_id = 't';
    g_ptr_array_add(list, seen);
    container_disown_others(list, "theirs");
    g_assert_true(container_is_canonical(seen));
    container_disown_others(list, "ours");
    g_assert_false(container_is_canonical(seen));
    g_assert_true(seen->anothers);
}

static void s06_whose_a_container_is(void)
{
    g_autoptr(Container) nobodys = container_new();
    g_autoptr(Container) ours = read_container("inspect_running");
    g_autoptr(Container) unlabelled = read_container("inspect_healthy");
    g_autoptr(Spec) spec = spec_new();

    g_assert_cmpint(whose(nobodys, "7c0ffee", spec), ==, WHOSE_NOBODYS);
    g_assert_cmpint(whose(ours, "7c0ffee", spec), ==, WHOSE_OURS);
    g_assert_cmpint(whose(ours, "another", spec), ==, WHOSE_FOREIGN);
    g_assert_cmpint(whose(unlabelled, "7c0ffee", spec), ==, WHOSE_FOREIGN);
    g_assert_cmpint(whose(unlabelled, "", spec), ==, WHOSE_FOREIGN);
}

static void s21_an_adopted_container_is_ours(void)
{
    g_autoptr(Container) seen = read_container("inspect_healthy");
    g_autoptr(Container) labelled = read_container("inspect_running");
    g_autoptr(Spec) by_id = adopting(seen->id);
    g_autoptr(Spec) by_short_id = adopting("e7b11aba8f3e");
    g_autoptr(Spec) by_too_little = adopting("e7b11aba8f3");
    g_autoptr(Spec) by_nothing = adopting("");
    g_autoptr(Spec) by_labelled_id = adopting(labelled->id);

    g_assert_cmpint(whose(seen, "s1", by_id), ==, WHOSE_OURS);
    g_assert_cmpint(whose(seen, "s1", by_short_id), ==, WHOSE_OURS);
    g_assert_cmpint(whose(seen, "s1", by_too_little), ==, WHOSE_FOREIGN);
    g_assert_cmpint(whose(seen, "s1", by_nothing), ==, WHOSE_FOREIGN);
    g_assert_cmpint(whose(labelled, "s1", by_labelled_id), ==, WHOSE_FOREIGN);
}

/* A leftover of a rebuild, a copy by `docker commit`, one renamed by hand: one is canonical. */
static void s23_one_of_several_is_canonical(void)
{
    g_autoptr(GPtrArray) list = read_list("list_odd");
    unsigned canonical = 0;

    for (guint i = 0; i < list->len; i++) {
        const struct container *seen = g_ptr_array_index(list, i);
        canonical += container_is_canonical(seen);
        g_assert_cmpint(container_is_canonical(seen), ==, g_str_equal(seen->id, "01"));
    }
    g_assert_cmpuint(canonical, ==, 1);
}

static void s20_a_new_word_is_unknown_never_gone(void)
{
    g_autoptr(Container) newer = read_container("inspect_newer");
    g_autoptr(Container) liar = read_container("inspect_wrong_types");

    g_assert_cmpint(newer->status, ==, CONTAINER_UNKNOWN);
    g_assert_true(newer->running);
    g_assert_cmpint(liar->status, ==, CONTAINER_UNKNOWN);
}

/* Notes carry it: whatever an engine says, it stays short and plain. */
static void a_time_that_is_none_is_not_passed_on(void)
{
    const char *json =
        "{\"Id\":\"1\",\"Name\":\"x\",\"State\":{\"Status\":\"running\","
        "\"StartedAt\":\"2026-11-22T22:02:52.4736993310000000000000000Z\"}}";
    g_autoptr(Container) seen = container_parse(json, strlen(json), NULL);

    g_assert_cmpstr(seen->started_text, ==, "");
    g_assert_cmpint(seen->started_at, ==, CONTRACT_NONE);
}

/* --- What events say of it -------------------------------------------------------------------- */

static void a_state_is_the_container(void)
{
    g_autoptr(Container) seen = read_container("inspect_oom");
    g_autoptr(State) state = container_state(seen, MAYBE_YES);

    g_assert_cmpint(state->status, ==, CONTAINER_EXITED);
    g_assert_cmpstr(state->container_id, ==, seen->id);
    g_assert_cmpstr(state->container, ==, "zomboid-oom");
    g_assert_cmpstr(state->image, ==, "muster-sample:1");
    g_assert_cmpstr(state->image_id, ==, seen->image_id);
    g_assert_cmpuint(state->ports->len, ==, 2);
    g_assert_cmpint(state->started_at, ==, seen->started_at);
    g_assert_cmpint(state->finished_at, ==, seen->finished_at);
    g_assert_cmpint(state->exit_code, ==, 137);
    g_assert_true(state->oom_killed);
    g_assert_cmpstr(state->health, ==, "");
    g_assert_cmpstr(state->command_id, ==, "0190c0de-0000-7000-8000-000000000001");
    g_assert_cmpstr(state->spec_digest, ==, "5f2a");
    g_assert_cmpint(state->data_exists, ==, MAYBE_YES);
}

static void an_absent_state_is_empty(void)
{
    g_autoptr(Container) absent = container_new();
    g_autoptr(State) state = container_state(absent, MAYBE_NO);

    g_assert_cmpint(state->status, ==, CONTAINER_ABSENT);
    g_assert_null(state->container_id);
    g_assert_cmpstr(state->container, ==, "");
    g_assert_cmpint(state->exit_code, ==, CONTRACT_NONE);
    g_assert_cmpint(state->started_at, ==, CONTRACT_NONE);
    container_free(NULL);
}

/* --- Bodies ------------------------------------------------------------------------------------ */

static void set(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

static void fill_places(struct spec *spec)
{
    struct mount *mount = mount_new("/srv/servers/one/bin", "/opt/bin");
    struct port *port = port_new(16262, 16262, PROTOCOL_UDP);

    mount->read_only = true;
    set(&port->host_ip, "127.0.0.1");
    g_ptr_array_add(spec->mounts, mount_new("/srv/servers/one/data", "/home/data"));
    g_ptr_array_add(spec->mounts, mount);
    g_ptr_array_add(spec->ports, port_new(16261, 16261, PROTOCOL_UDP));
    g_ptr_array_add(spec->ports, port_new(16300, 16261, PROTOCOL_UDP));
    g_ptr_array_add(spec->ports, port_new(0, 27015, PROTOCOL_TCP));
    g_ptr_array_add(spec->ports, port);
    g_ptr_array_add(spec->networks, network_new("zomboid-servers", false));
    g_ptr_array_add(spec->networks, network_new("zomboid-backend", true));
}

static void fill_health(struct health_check *health)
{
    g_ptr_array_add(health->test, g_strdup("CMD"));
    g_ptr_array_add(health->test, g_strdup("/check"));
    health->interval_s = 30;
    health->timeout_s = 5;
    health->start_period_s = 300;
    health->retries = 4;
}

static void fill_process(struct spec *spec)
{
    struct tmpfs *tmpfs = tmpfs_new("/tmp");
    struct volume *volume = volume_new("one-mods", "/mods");

    tmpfs->size_bytes = 1 << 20;
    tmpfs->exec = true;
    set(&tmpfs->mode, "1777");
    volume->read_only = true;
    g_ptr_array_add(spec->tmpfs, tmpfs);
    g_ptr_array_add(spec->tmpfs, tmpfs_new("/run"));
    g_ptr_array_add(spec->volumes, volume_new("one-cache", "/cache"));
    g_ptr_array_add(spec->volumes, volume);
    g_ptr_array_add(spec->ulimits, ulimit_new("nofile", 1024, 65536));
    g_ptr_array_add(spec->ulimits, ulimit_new("core", 0, -1));
    g_ptr_array_add(spec->entrypoint, g_strdup("/bin/game"));
    g_ptr_array_add(spec->command, g_strdup("-port"));
    g_ptr_array_add(spec->command, g_strdup(""));
    set(&spec->owner, "1000:1000");
    set(&spec->user, "1000");
    set(&spec->hostname, "one");
    set(&spec->logging->driver, "json-file");
    pairs_set(spec->logging->options, "max-size", "10m");
    spec->open_stdin = true;
    spec->tty = true;
    spec->shm_bytes = 256 << 20;
    fill_health(spec->health);
}

static struct command *full_command(void)
{
    struct command *command = command_new();
    struct spec *spec = command->spec ? command->spec : (command->spec = spec_new());

    set(&command->command_id, "c1");
    set(&command->agent_id, "a1");
    set(&command->server_id, "s1");
    set(&command->action, "create");
    set(&spec->server_name, "one");
    set(&spec->container, "zomboid-one");
    set(&spec->image, "reg:5000/games/zomboid");
    set(&spec->image_tag, "41");
    set(&spec->digest, "5f2a");
    set(&spec->restart_policy, "unless-stopped");
    set(&spec->stop->signal, "SIGINT");
    spec->stop->timeout_s = 30;
    spec->resources->memory_bytes = 1 << 30;
    spec->resources->nano_cpus = 1500000000;
    spec->resources->pids = 200;
    pairs_set(spec->env, "MOTD", "a \"quoted\"\nline = 1");
    pairs_set(spec->env, "EMPTY", "");
    pairs_set(spec->labels, "com.example.team", "north");
    g_ptr_array_add(spec->labels, pair_new(LABEL_SERVER_ID, "somebody else"));
    fill_places(spec);
    fill_process(spec);
    return command;
}

static void check_body(const char *body, const char *name)
{
    g_autofree char *wanted_text = read_case(name, ".json");
    json_t *got = json_loads(body, 0, NULL);
    json_t *wanted = json_loads(wanted_text, 0, NULL);

    g_assert_nonnull(got);
    g_assert_nonnull(wanted);
    if (!json_equal(got, wanted))
        g_error("%s.json is not the body:\n%s", name, body);
    json_decref(got);
    json_decref(wanted);
}

/* HostConfig.LogConfig of such a driver and options, "" where there is none. */
static char *log_of(const char *file, enum engine_logs logs, const char *driver,
                    const char *size, const char *files)
{
    g_autoptr(Command) command = full_command();
    g_autoptr(Policy) policy = policy_new();
    const struct terms terms = {policy, logs, 44};
    struct logging *logging = command->spec->logging;

    g_assert_true(policy_file_parse(file, strlen(file), policy, NULL));
    set(&logging->driver, driver);
    g_ptr_array_set_size(logging->options, 0);
    if (size)
        pairs_set(logging->options, "max-size", size);
    if (files)
        pairs_set(logging->options, "max-file", files);
    g_autofree char *body = container_create_body(command, command->spec->volumes,
                                                  &terms);
    json_t *json = json_loads(body, 0, NULL);
    json_t *log = json_object_get(json_object_get(json, "HostConfig"), "LogConfig");
    json_t *options = json_object_get(log, "Config");
    const char *given_size = json_string_value(json_object_get(options, "max-size"));
    const char *given_files = json_string_value(json_object_get(options, "max-file"));
    char *told = log ? g_strdup_printf(
                           "%s %s %s", json_string_value(json_object_get(log, "Type")),
                           given_size ? given_size : "-", given_files ? given_files : "-")
                     : g_strdup("");
    json_decref(json);
    return told;
}

static void t7_logs_are_bounded(void)
{
    const enum engine_logs in_files = ENGINE_LOGS_IN_FILES, other = ENGINE_LOGS_ELSEWHERE,
                           unknown = ENGINE_LOGS_UNKNOWN;
    const struct {
        const char *file;
        enum engine_logs logs;
        const char *driver, *size, *files, *told;
    } rows[] = {
        {"{}", in_files, "", NULL, NULL, "json-file 10485760 5"},
        {"{}", other, "", NULL, NULL, ""},
        {"{}", unknown, "", NULL, NULL, ""},
        {"{}", other, "json-file", NULL, NULL, "json-file 10485760 5"},
        {"{}", in_files, "local", NULL, NULL, "local 10485760 5"},
        {"{}", in_files, "local", "1m", NULL, "local 1m -"},
        {"{}", in_files, "json-file", NULL, "2", "json-file 10485760 2"},
        {"{}", in_files, "journald", NULL, NULL, "journald - -"},
        {"{}", unknown, "json-file", NULL, NULL, "json-file - -"},
        {"{\"logs\": {\"max_bytes\": 0}}", in_files, "", NULL, NULL, "json-file - -"},
        {"{\"logs\": {\"max_bytes\": 9, \"max_files\": 2}}", in_files, "", NULL, NULL,
         "json-file 9 2"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *told = log_of(rows[i].file, rows[i].logs, rows[i].driver,
                                       rows[i].size, rows[i].files);
        g_assert_cmpstr(told, ==, rows[i].told);
    }
}

static void bodies_of_create(void)
{
    g_autoptr(Command) full = full_command();
    g_autoptr(Command) least = command_new();
    if (least->spec == NULL)
        least->spec = spec_new();
    set(&least->command_id, "c1");
    set(&least->agent_id, "a1");
    set(&least->server_id, "s1");
    set(&least->spec->image, "busybox");
    g_autoptr(Policy) policy = policy_new();
    const struct terms old = {policy, ENGINE_LOGS_IN_FILES, 41};
    const struct terms new = {policy, ENGINE_LOGS_IN_FILES, 44};
    g_autofree char *before = container_create_body(full, full->spec->volumes, &old);
    g_autofree char *after = container_create_body(full, full->spec->volumes, &new);
    g_autofree char *bare = container_create_body(least, least->spec->volumes, &new);

    check_body(before, "body_create_41");
    check_body(after, "body_create_44");
    check_body(bare, "body_create_least");
}

static size_t size_of(enum field_kind kind)
{
    switch (kind) {
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_MAYBE:
    case FIELD_ENUM:
        return sizeof(int);
    case FIELD_LONG:
    case FIELD_LONG_OPTIONAL:
        return sizeof(int64_t);
    case FIELD_STRING:
    case FIELD_STRING_OPTIONAL:
    case FIELD_BYTES:
    case FIELD_STRINGS:
    case FIELD_PAIRS:
    case FIELD_SECRETS:
    case FIELD_PAIR_KEYS:
    case FIELD_RECORD:
    case FIELD_RECORD_OPTIONAL:
    case FIELD_RECORDS:
    case FIELD_BRANCH:
        return sizeof(void *);
    }
    g_assert_not_reached();
}

static void swap(const struct field *field, void *one, void *other)
{
    char kept[sizeof(int64_t)];
    const size_t size = size_of(field->kind);

    memcpy(kept, (char *)one + field->offset, size);
    memcpy((char *)one + field->offset, (char *)other + field->offset, size);
    memcpy((char *)other + field->offset, kept, size);
}

/* Whether the body is another when this field of `value`, a part of the command, is as in a
 * new record. */
static bool tells(const struct command *command, const struct shape *shape,
                  const struct field *field, void *value)
{
    g_autoptr(Policy) policy = policy_new();
    const struct terms terms = {policy, ENGINE_LOGS_ELSEWHERE, 44};
    void *blank = shape_new(shape);
    g_autofree char *with = container_create_body(command, command->spec->volumes,
                                                  &terms);
    swap(field, value, blank);
    g_autofree char *without = container_create_body(command, command->spec->volumes,
                                                     &terms);
    swap(field, value, blank);
    shape_free(shape, blank);
    return !g_str_equal(with, without);
}

/* Notes the path of every field of `value`, and whether the engine is told of it: of one
 * element of a list at least. */
static void note_fields(const struct command *command, const struct shape *shape,
                        void *value, const char *before, GHashTable *told)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];
        const bool has_parts = field->kind == FIELD_RECORD ||
                               field->kind == FIELD_RECORDS;
        void *inner = has_parts ? *(void **)((char *)value + field->offset) : NULL;
        char *path = g_strconcat(before, field->name, NULL);
        g_autofree char *below = g_strconcat(path, ".", NULL);
        const bool is_told = tells(command, shape, field, value) ||
                             g_hash_table_lookup(told, path);

        if (field->kind == FIELD_RECORD)
            note_fields(command, field->shape, inner, below, told);
        for (guint k = 0; field->kind == FIELD_RECORDS && k < ((GPtrArray *)inner)->len;
             k++)
            note_fields(command, field->shape, g_ptr_array_index((GPtrArray *)inner, k),
                        below, told);
        g_hash_table_insert(told, path, GINT_TO_POINTER(is_told));
    }
}

/* A field that is added to the spec and never gets to the engine fails here, or is named
 * with the reason why it need not. */
static void every_field_reaches_the_engine(void)
{
    static const char *const elsewhere[][2] = {
        {"data_dir", "purge's; the mounts lie in it"},
        {"owner", "the host's: directories are made with it"},
        {"adopt", "the steps': it names a container that is there"},
        {"disposable", "the look's at what a container keeps"},
        {"kept", "chosen among by keep.c"},
        {"mounts.make_directory", "the host's"},
        {"networks.internal", "of the network's own body"},
        {"stop.save", "run by the step that saves"},
        {"stop.save_timeout_s", "of that step"},
    };
    g_autoptr(Command) full = full_command();
    g_autoptr(GHashTable)
        told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer path, is_told;

    note_fields(full, &shape_spec, full->spec, "", told);
    for (size_t i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
        g_assert_null(g_hash_table_lookup(told, elsewhere[i][0]));
        g_assert_true(g_hash_table_remove(told, elsewhere[i][0]));
    }
    g_hash_table_iter_init(&iter, told);
    while (g_hash_table_iter_next(&iter, &path, &is_told))
        if (!is_told)
            g_error("the engine is not told a spec's %s", (const char *)path);
    g_assert_cmpuint(g_hash_table_size(told), >, shape_spec.n_fields);
}

static void bodies_of_networks(void)
{
    struct network open_one = {.name = (char *)"zomboid-servers"};
    struct network closed_one = {.name = (char *)"zomboid-backend", .internal = true};
    g_autofree char *open_body = container_network_body(&open_one);
    g_autofree char *closed_body = container_network_body(&closed_one);

    check_body(open_body, "body_network");
    check_body(closed_body, "body_network_internal");
}

#define DIGEST "sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74"

static void s36_references(void)
{
    static const struct {
        const char *image, *tag, *reference;
    } table[] = {
        {"busybox", "", "busybox:latest"},
        {"busybox", "1.36", "busybox:1.36"},
        {"busybox:1.36", "", "busybox:1.36"},
        {"reg:5000/games/x", "", "reg:5000/games/x:latest"},
        {"reg:5000/games/x", "41", "reg:5000/games/x:41"},
        {"reg:5000/games/x:41", "", "reg:5000/games/x:41"},
        {"reg:5000/games/x", DIGEST, "reg:5000/games/x@" DIGEST},
        {"reg:5000/games/x@" DIGEST, "", "reg:5000/games/x@" DIGEST},
        {"x", "reg:5000/games/y:41", "reg:5000/games/y:41"},
        {"x", "reg:5000/games/y", "reg:5000/games/y:latest"},
        {"x", "y:41", "y:41"},
        {"x", "y@" DIGEST, "x@" DIGEST}, /* a tag y */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(Spec) spec = spec_new();
        set(&spec->image, table[i].image);
        set(&spec->image_tag, table[i].tag);
        g_autofree char *reference = container_image_reference(spec);
        g_assert_cmpstr(reference, ==, table[i].reference);
    }
}

/* --- Events -------------------------------------------------------------------------------------- */

static void events_of_an_engine(void)
{
    g_autofree char *text = read_case("events", ".txt");
    g_autofree char *wanted = read_case("events", ".seen");
    g_autoptr(GString) said = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; **line != '\0'; line++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(EngineEvent) event = engine_event_parse(*line, strlen(*line), &error);
        g_assert_no_error(error);
        g_string_append_printf(said, "%" G_GINT64_FORMAT " %s %.12s %s \"%s\"",
                               event->time_ns, event->name, event->container_id,
                               event->action, event->server_id);
        if (event->exit_code != CONTRACT_NONE)
            g_string_append_printf(said, " exit %" G_GINT64_FORMAT, event->exit_code);
        g_string_append_c(said, '\n');
    }
    g_assert_cmpstr(said->str, ==, wanted);
}

static void events_that_are_none(void)
{
    static const char *const lines[] = {
        "",
        "[]",
        "{}",
        "{",
        "{\"Action\":\"die\"}",
        "{\"Action\":\"die\",\"Actor\":{\"ID\":\"1\"}}",
        "{\"Action\":\"die\",\"Actor\":{\"ID\":\"1\"},\"timeNano\":\"5\"}",
        "{\"Action\":7,\"Actor\":{\"ID\":\"1\"},\"timeNano\":5}",
        "{\"Action\":\"die\",\"Actor\":\"1\",\"timeNano\":5}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(engine_event_parse(lines[i], strlen(lines[i]), &error));
        g_assert_nonnull(error);
    }
    engine_event_free(NULL);
}

static void add_files(const char *prefix, const char *const *names, GTestDataFunc check)
{
    for (; *names != NULL; names++) {
        g_autofree char *path = g_strconcat("/container/", prefix, *names, NULL);
        g_test_add_data_func(path, *names, check);
    }
}

int main(int argc, char **argv)
{
    static const char *const inspects[] = {"inspect_created",
                                           "inspect_running",
                                           "inspect_paused",
                                           "inspect_restarting",
                                           "inspect_exited",
                                           "inspect_oom",
                                           "inspect_healthy",
                                           "inspect_port_taken",
                                           "inspect_least",
                                           "inspect_wrong_types",
                                           NULL};
    static const char *const newer[] = {"inspect_newer", NULL};
    static const char *const lists[] = {"list", "list_odd", NULL};

    g_test_init(&argc, &argv, NULL);
    add_files("", inspects, check_inspect);
    add_files("s20_", newer, check_inspect);
    add_files("", lists, check_list);
    g_test_add_func("/container/what_we_cannot_do_without_is_named",
                    what_we_cannot_do_without_is_named);
    g_test_add_func("/container/s01_a_list_is_whole_or_none",
                    s01_a_list_is_whole_or_none);
    g_test_add_func("/container/s06_whose_a_container_is", s06_whose_a_container_is);
    g_test_add_func("/container/t10_what_bears_another_agents_label_is_foreign",
                    t10_what_bears_another_agents_label_is_foreign);
    g_test_add_func("/container/s21_an_adopted_container_is_ours",
                    s21_an_adopted_container_is_ours);
    g_test_add_func("/container/s23_one_of_several_is_canonical",
                    s23_one_of_several_is_canonical);
    g_test_add_func("/container/s20_a_new_word_is_unknown_never_gone",
                    s20_a_new_word_is_unknown_never_gone);
    g_test_add_func("/container/a_time_that_is_none_is_not_passed_on",
                    a_time_that_is_none_is_not_passed_on);
    g_test_add_func("/container/a_state_is_the_container", a_state_is_the_container);
    g_test_add_func("/container/an_absent_state_is_empty", an_absent_state_is_empty);
    g_test_add_func("/container/t7_logs_are_bounded", t7_logs_are_bounded);
    g_test_add_func("/container/bodies_of_create", bodies_of_create);
    g_test_add_func("/container/every_field_reaches_the_engine",
                    every_field_reaches_the_engine);
    g_test_add_func("/container/bodies_of_networks", bodies_of_networks);
    g_test_add_func("/container/s36_references", s36_references);
    g_test_add_func("/container/events_of_an_engine", events_of_an_engine);
    g_test_add_func("/container/events_that_are_none", events_that_are_none);
    return g_test_run();
}
