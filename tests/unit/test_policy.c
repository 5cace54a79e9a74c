/*
 * test_policy.c - commands that differ from a good one, as lines: tests/cases/policy/.
 *
 *     action | key=value … → allowed, or the code | words of the refusal
 */
#include "policy.h"

#include "policy_file.h"

#include <string.h>

#define ARROW "→ "

struct setup {
    struct policy *policy;
    struct command *command;
};

/* --- What a line can change --------------------------------------------------------- */

static void set(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

static void set_no_spec(struct setup *setup, const char *value)
{
    g_clear_pointer(&setup->command->spec, spec_free);
}

static void set_no_server(struct setup *setup, const char *value)
{
    g_clear_pointer(&setup->command->server_id, g_free);
}

static void add_prefix(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->policy->name_prefixes, g_strdup(value));
}

static void add_registry(struct setup *setup, const char *value)
{
    g_assert_true(policy_add_registry(setup->policy, value, NULL));
}

static void add_root(struct setup *setup, const char *value)
{
    g_assert_true(policy_add_data_root(setup->policy, value, NULL));
}

static void add_file(struct setup *setup, const char *value)
{
    g_autoptr(GError) error = NULL;

    policy_file_parse(value, strlen(value), setup->policy, &error);
    g_assert_no_error(error);
}

static void set_command_id(struct setup *setup, const char *value)
{
    set(&setup->command->command_id, value);
}

static void set_server_id(struct setup *setup, const char *value)
{
    set(&setup->command->server_id, value);
}

static void set_target(struct setup *setup, const char *value)
{
    set(&setup->command->target, value);
}

static void set_container(struct setup *setup, const char *value)
{
    set(&setup->command->spec->container, value);
}

static void set_adopt(struct setup *setup, const char *value)
{
    set(&setup->command->spec->adopt, value);
}

static void set_image(struct setup *setup, const char *value)
{
    set(&setup->command->spec->image, value);
}

static void set_tag(struct setup *setup, const char *value)
{
    set(&setup->command->spec->image_tag, value);
}

static void set_data_dir(struct setup *setup, const char *value)
{
    set(&setup->command->spec->data_dir, value);
}

static void set_restart(struct setup *setup, const char *value)
{
    set(&setup->command->spec->restart_policy, value);
}

static void set_signal(struct setup *setup, const char *value)
{
    set(&setup->command->spec->stop->signal, value);
}

static void set_timeout(struct setup *setup, const char *value)
{
    setup->command->spec->stop->timeout_s = g_ascii_strtoll(value, NULL, 10);
}

static void set_save_timeout(struct setup *setup, const char *value)
{
    setup->command->spec->stop->save_timeout_s = g_ascii_strtoll(value, NULL, 10);
}

static void add_save(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->command->spec->stop->save, g_strdup(value));
}

static void set_skip_save(struct setup *setup, const char *value)
{
    setup->command->options->skip_save = true;
}

static void set_memory(struct setup *setup, const char *value)
{
    setup->command->spec->resources->memory_bytes = g_ascii_strtoll(value, NULL, 10);
}

static void set_cpus(struct setup *setup, const char *value)
{
    setup->command->spec->resources->nano_cpus = g_ascii_strtoll(value, NULL, 10);
}

static void set_pids(struct setup *setup, const char *value)
{
    setup->command->spec->resources->pids = g_ascii_strtoll(value, NULL, 10);
}

static void add_env(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->command->spec->env, pair_new(value, "hunter2"));
}

static void add_label(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->command->spec->labels, pair_new(value, ""));
}

static void add_network(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->command->spec->networks, network_new(value, false));
}

static void add_mount(struct setup *setup, const char *value)
{
    g_auto(GStrv) halves = g_strsplit(value, ":", 2);

    g_ptr_array_add(setup->command->spec->mounts, mount_new(halves[0], halves[1]));
}

static void add_port(struct setup *setup, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", 4);
    struct port *port = port_new(
        g_ascii_strtoll(parts[1], NULL, 10), g_ascii_strtoll(parts[2], NULL, 10),
        g_str_equal(parts[3], "udp") ? PROTOCOL_UDP : PROTOCOL_TCP);

    set(&port->host_ip, parts[0]);
    g_ptr_array_add(setup->command->spec->ports, port);
}

/* --- The inside of the container: fields apart by ";", as ":" and "," stand in them -------- */

static void set_owner(struct setup *setup, const char *value)
{
    set(&setup->command->spec->owner, value);
}

static void set_user(struct setup *setup, const char *value)
{
    set(&setup->command->spec->user, value);
}

static void set_hostname(struct setup *setup, const char *value)
{
    set(&setup->command->spec->hostname, value);
}

static void add_entrypoint(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->command->spec->entrypoint, g_strdup(value));
}

static void add_long_command(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->command->spec->command,
                    g_strnfill((gsize)g_ascii_strtoll(value, NULL, 10), 'x'));
}

static void set_shm(struct setup *setup, const char *value)
{
    setup->command->spec->shm_bytes = g_ascii_strtoll(value, NULL, 10);
}

static void add_tmpfs(struct setup *setup, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ";", 3);
    struct tmpfs *tmpfs = tmpfs_new(parts[0]);

    if (parts[1]) {
        tmpfs->size_bytes = g_ascii_strtoll(parts[1], NULL, 10);
        set(&tmpfs->mode, parts[2]);
    }
    g_ptr_array_add(setup->command->spec->tmpfs, tmpfs);
}

static void add_ulimit(struct setup *setup, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ";", 3);

    g_ptr_array_add(setup->command->spec->ulimits,
                    ulimit_new(parts[0], g_ascii_strtoll(parts[1], NULL, 10),
                               g_ascii_strtoll(parts[2], NULL, 10)));
}

static void set_log(struct setup *setup, const char *value)
{
    set(&setup->command->spec->logging->driver, value);
}

static void add_log_option(struct setup *setup, const char *value)
{
    g_auto(GStrv) halves = g_strsplit(value, "=", 2);

    pairs_set(setup->command->spec->logging->options, halves[0],
              halves[1] ? halves[1] : "hunter2");
}

static void add_health(struct setup *setup, const char *value)
{
    g_ptr_array_add(setup->command->spec->health->test, g_strdup(value));
}

static void set_health_interval(struct setup *setup, const char *value)
{
    setup->command->spec->health->interval_s = g_ascii_strtoll(value, NULL, 10);
}

static void add_volume(struct setup *setup, const char *value)
{
    g_auto(GStrv) halves = g_strsplit(value, ";", 2);

    g_ptr_array_add(setup->command->spec->volumes, volume_new(halves[0], halves[1]));
}

static const struct {
    const char *key;
    void (*apply)(struct setup *setup, const char *value);
} changes[] = {
    {"no_spec", set_no_spec},
    {"no_server", set_no_server},
    {"prefix", add_prefix},
    {"registry", add_registry},
    {"root", add_root},
    {"file", add_file},
    {"command_id", set_command_id},
    {"server_id", set_server_id},
    {"target", set_target},
    {"container", set_container},
    {"adopt", set_adopt},
    {"image", set_image},
    {"tag", set_tag},
    {"data_dir", set_data_dir},
    {"restart", set_restart},
    {"signal", set_signal},
    {"timeout", set_timeout},
    {"save_timeout", set_save_timeout},
    {"save", add_save},
    {"skip_save", set_skip_save},
    {"memory", set_memory},
    {"cpus", set_cpus},
    {"pids", set_pids},
    {"env", add_env},
    {"label", add_label},
    {"network", add_network},
    {"mount", add_mount},
    {"port", add_port},
    {"owner", set_owner},
    {"user", set_user},
    {"hostname", set_hostname},
    {"entrypoint", add_entrypoint},
    {"long_command", add_long_command},
    {"shm", set_shm},
    {"tmpfs", add_tmpfs},
    {"ulimit", add_ulimit},
    {"log", set_log},
    {"log_option", add_log_option},
    {"health", add_health},
    {"health_interval", set_health_interval},
    {"volume", add_volume},
};

static void change(struct setup *setup, const char *text)
{
    g_auto(GStrv) halves = g_strsplit(text, "=", 2);

    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        if (g_str_equal(changes[i].key, halves[0])) {
            changes[i].apply(setup, halves[1]);
            return;
        }
    }
    g_error("a line changes \"%s\"", halves[0]);
}

/* --- Lines ---------------------------------------------------------------------------- */

static struct policy *good_policy(void)
{
    static const char *const registries[] = {"reg:5000/games/", "127.0.0.1:5000",
                                             "busybox"};
    struct policy *policy = policy_new();

    g_assert_true(policy_add_data_root(policy, "/srv/servers/", NULL));
    g_assert_true(policy_add_data_root(policy, "/mnt/b", NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(registries); i++)
        g_assert_true(policy_add_registry(policy, registries[i], NULL));
    return policy;
}

static struct command *good_command(const char *action)
{
    struct command *command = command_new();

    set(&command->command_id, "0190c0de-0000-7000-8000-000000000000");
    set(&command->server_id, "s1");
    set(&command->action, action);
    if (command->spec == NULL)
        command->spec = spec_new();
    set(&command->spec->server_name, "one");
    set(&command->spec->container, "zomboid-one");
    set(&command->spec->image, "reg:5000/games/zomboid");
    set(&command->spec->image_tag, "41");
    set(&command->spec->data_dir, "/srv/servers/one");
    set(&command->spec->restart_policy, "unless-stopped");
    return command;
}

static void expect(const char *line, bool allowed, const struct refusal *refusal,
                   char **wanted)
{
    const char *got = allowed ? "allowed" : refusal->code;

    if (!g_str_equal(got, g_strstrip(wanted[0])))
        g_error("%s\n  gives: %s %s", line, got, refusal->message);
    if (wanted[1] != NULL && !strstr(refusal->message, g_strstrip(wanted[1])))
        g_error("%s\n  says: %s", line, refusal->message);
    g_assert_cmpint(refusal->message == NULL, ==, allowed);
    if (!allowed)
        g_assert_null(strstr(refusal->message, "hunter2"));
}

static void check_line(const char *line)
{
    const char *arrow = strstr(line, ARROW);
    g_assert_nonnull(arrow);
    g_autofree char *question = g_strndup(line, (gsize)(arrow - line));
    g_auto(GStrv) columns = g_strsplit(question, "|", 2);
    g_auto(GStrv) wanted = g_strsplit(arrow + strlen(ARROW), "|", 2);
    g_autoptr(Policy) policy = good_policy();
    g_autoptr(Command) command = good_command(g_strstrip(columns[0]));
    struct setup setup = {policy, command};
    struct refusal refusal = {0};

    g_auto(GStrv) parts = g_strsplit(g_strstrip(columns[1]), " ", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (**part != '\0')
            change(&setup, *part);
    }
    bool allowed = policy_allows(policy, command, &refusal);
    expect(line, allowed, &refusal, wanted);
    refusal_clear(&refusal);
}

static void check_file(const void *name)
{
    g_autofree char *path = g_build_filename(TEST_CASES, "policy", name, NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (**line != '\0' && **line != '#')
            check_line(*line);
    }
}

/* --- What lines cannot say -------------------------------------------------------------- */

static void roots_and_registries_are_checked(void)
{
    static const char *const bad_roots[] = {"",        "/", "//", "srv", "/srv/../etc",
                                            "/srv//x", "."};
    static const char *const bad_registries[] = {"", "/", "//", "/x", "a//b", "a\nb"};
    g_autoptr(Policy) policy = policy_new();

    for (size_t i = 0; i < G_N_ELEMENTS(bad_roots); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(policy_add_data_root(policy, bad_roots[i], &error));
        g_assert_nonnull(error);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad_registries); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(policy_add_registry(policy, bad_registries[i], &error));
        g_assert_nonnull(error);
    }
    g_assert_cmpuint(policy->data_roots->len + policy->registries->len, ==, 0);
    g_assert_true(policy_add_data_root(policy, "/srv/a/", NULL));
    g_assert_true(policy_add_data_root(policy, "/srv/a", NULL));
    g_assert_cmpuint(policy->data_roots->len, ==, 1);
}

static void nothing_is_allowed_without_roots_and_registries(void)
{
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(Command) command = good_command("create");
    struct refusal refusal = {0};

    g_assert_false(policy_allows(policy, command, &refusal));
    g_assert_cmpstr(refusal.code, ==, CODE_FORBIDDEN);
    refusal_clear(&refusal);
}

static void s19_the_root_of_a_path(void)
{
    g_autoptr(Policy) policy = good_policy();

    g_assert_true(policy_add_data_root(policy, "/srv/servers/inner", NULL));
    g_assert_cmpstr(policy_root_of(policy, "/srv/servers/a/b"), ==, "/srv/servers");
    g_assert_cmpstr(policy_root_of(policy, "/srv/servers/inner/a"), ==,
                    "/srv/servers/inner");
    g_assert_null(policy_root_of(policy, NULL));
    g_assert_null(policy_root_of(policy, ""));
    g_assert_null(policy_root_of(policy, "/srv/servers"));
    g_assert_null(policy_root_of(policy, "/srv/servers/inner"));
    g_assert_null(policy_root_of(policy, "/srv/servers/../x"));
    g_assert_null(policy_root_of(policy, "/srv/servers/a\nb"));
}

/* A hostile command must not keep the worker busy. */
static void many_entries_are_refused(void)
{
    g_autoptr(Policy) policy = good_policy();
    g_autoptr(Command) command = good_command("create");
    struct refusal refusal = {0};

    for (int i = 0; i < 257; i++)
        g_ptr_array_add(command->spec->ports, port_new(1 + i, 1, PROTOCOL_TCP));
    g_assert_false(policy_allows(policy, command, &refusal));
    g_assert_cmpstr(refusal.code, ==, CODE_INVALID);
    g_ptr_array_remove_index(command->spec->ports, 0);
    g_assert_true(policy_allows(policy, command, &refusal));
    refusal_clear(&refusal);
}

static void refusals_are_one_bounded_line(void)
{
    g_autofree char *long_name = g_strnfill(100000, 'x');
    g_autoptr(Policy) policy = good_policy();
    g_autoptr(Command) command = good_command("create");
    struct refusal refusal = {0};

    set(&command->spec->container, long_name);
    g_assert_false(policy_allows(policy, command, &refusal));
    g_assert_cmpuint(strlen(refusal.message), ==, 1500);
    set(&command->spec->container, "a\nb\xff");
    g_assert_false(policy_allows(policy, command, &refusal));
    g_assert_null(strchr(refusal.message, '\n'));
    g_assert_true(g_utf8_validate(refusal.message, -1, NULL));
    refusal_clear(&refusal);
    g_assert_null(refusal.message);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/policy/names.txt", "names.txt", check_file);
    g_test_add_data_func("/policy/images.txt", "images.txt", check_file);
    g_test_add_data_func("/policy/limits.txt", "limits.txt", check_file);
    g_test_add_data_func("/policy/s19_places.txt", "places.txt", check_file);
    g_test_add_data_func("/policy/s33_inside.txt", "inside.txt", check_file);
    g_test_add_func("/policy/roots_and_registries_are_checked",
                    roots_and_registries_are_checked);
    g_test_add_func("/policy/nothing_is_allowed_without_roots_and_registries",
                    nothing_is_allowed_without_roots_and_registries);
    g_test_add_func("/policy/s19_the_root_of_a_path", s19_the_root_of_a_path);
    g_test_add_func("/policy/many_entries_are_refused", many_entries_are_refused);
    g_test_add_func("/policy/refusals_are_one_bounded_line",
                    refusals_are_one_bounded_line);
    return g_test_run();
}
