/*
 * test_policy_file.c - a policy's file: what it takes, and what it says of what it does not.
 *
 * What the keys then allow and refuse is in tests/cases/policy/limits.txt.
 */
#include "policy_file.h"
#include "policy_source.h"

#include <glib/gstdio.h>
#include <string.h>

static struct policy *parsed(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct policy *policy = policy_new();

    g_assert_true(policy_file_parse(text, strlen(text), policy, &error));
    g_assert_no_error(error);
    return policy;
}

/* --- Errors ------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum policy_file_error code;
    const char *says; /* a part of it */
} wrong[] = {
    {"", POLICY_FILE_ERROR_SYNTAX, "line 1"},
    {"{\n  \"pids\": }", POLICY_FILE_ERROR_SYNTAX, "line 2"},
    {"{} x", POLICY_FILE_ERROR_SYNTAX, "line 1"},
    {"{\"pids\": {}, \"pids\": {}}", POLICY_FILE_ERROR_SYNTAX, "duplicate"},
    {"[]", POLICY_FILE_ERROR_VALUE, "has to be an object"},
    {"{\"memroy_bytes\": {}}", POLICY_FILE_ERROR_KEY,
     "no key \"memroy_bytes\"; the keys of a policy are: container_names, registries"},
    {"{\"data_roots\": [\"/\"]}", POLICY_FILE_ERROR_KEY, "no key \"data_roots\""},
    {"{\"env\": {\"max\": 1}}", POLICY_FILE_ERROR_KEY,
     "no key \"env.max\"; the keys there are: max_count, max_bytes, names_forbidden"},
    {"{\"memory_bytes\": 8589934592}", POLICY_FILE_ERROR_VALUE,
     "\"memory_bytes\" has to be an object such as {\"max\": 8589934592}"},
    {"{\"memory_bytes\": {\"max\": \"8G\"}}", POLICY_FILE_ERROR_VALUE,
     "\"memory_bytes.max\" has to be a whole number from 1 up, such as 8589934592"},
    {"{\"memory_bytes\": {\"max\": 0}}", POLICY_FILE_ERROR_VALUE, "from 1 up"},
    {"{\"memory_bytes\": {\"max\": 1.5}}", POLICY_FILE_ERROR_VALUE, "whole number"},
    {"{\"memory_bytes\": {\"max\": null}}", POLICY_FILE_ERROR_VALUE, "whole number"},
    {"{\"memory_bytes\": {\"max\": 99999999999999999999}}", POLICY_FILE_ERROR_SYNTAX, ""},
    {"{\"memory_bytes\": {\"required\": 1}}", POLICY_FILE_ERROR_VALUE, "true or false"},
    {"{\"mounts\": {\"max\": -1}}", POLICY_FILE_ERROR_VALUE, "from 0 up"},
    {"{\"require_digest\": \"yes\"}", POLICY_FILE_ERROR_VALUE, "true or false"},
    {"{\"container_names\": \"steam-\"}", POLICY_FILE_ERROR_VALUE,
     "\"container_names\" has to be a list of prefixes"},
    {"{\"container_names\": []}", POLICY_FILE_ERROR_VALUE, "not empty"},
    {"{\"container_names\": [\"\"]}", POLICY_FILE_ERROR_VALUE, "prefixes"},
    {"{\"container_names\": [\"a\\nb\"]}", POLICY_FILE_ERROR_VALUE, "prefixes"},
    {"{\"container_names\": [\"a\", 1]}", POLICY_FILE_ERROR_VALUE, "prefixes"},
    {"{\"container_names\": {\"a\": \"b\"}}", POLICY_FILE_ERROR_VALUE, "prefixes"},
    {"{\"registries\": [\"/\"]}", POLICY_FILE_ERROR_VALUE, "\"registries\" has to be"},
    {"{\"registries\": [\"a/b@sha256:12\"]}", POLICY_FILE_ERROR_VALUE, "registries"},
    {"{\"host_ports\": [16261]}", POLICY_FILE_ERROR_VALUE, "such as [[16261, 16400]]"},
    {"{\"host_ports\": [[16400, 16261]]}", POLICY_FILE_ERROR_VALUE, "ranges"},
    {"{\"host_ports\": [[0, 1]]}", POLICY_FILE_ERROR_VALUE, "1 to 65535"},
    {"{\"host_ports\": [[1, 65536]]}", POLICY_FILE_ERROR_VALUE, "1 to 65535"},
    {"{\"host_ports\": [[1, 2, 3]]}", POLICY_FILE_ERROR_VALUE, "ranges"},
    {"{\"host_ports\": []}", POLICY_FILE_ERROR_VALUE, "not empty"},
    {"{\"networks\": [null]}", POLICY_FILE_ERROR_VALUE, "patterns of networks' names"},
    {"{\"env\": []}", POLICY_FILE_ERROR_VALUE, "\"env\" has to be an object"},
    {"{\"mounters_ignored\": [1]}", POLICY_FILE_ERROR_VALUE,
     "\"mounters_ignored\" has to be a list of patterns"},
    {"{\"capabilities\": [\"CAP_CHOWN\"]}", POLICY_FILE_ERROR_VALUE, "without CAP_"},
    {"{\"capabilities\": [\"SYS_ADMIN\"]}", POLICY_FILE_ERROR_VALUE, "capabilities"},
    {"{\"capabilities\": \"all\"}", POLICY_FILE_ERROR_VALUE, "capabilities"},
    {"{\"new_privileges\": \"no\"}", POLICY_FILE_ERROR_VALUE, "true or false"},
    {"{\"pids\": {\"default\": -1}}", POLICY_FILE_ERROR_VALUE, "from 0 up"},
    {"{\"logs\": {\"max_bytes\": \"10m\"}}", POLICY_FILE_ERROR_VALUE, "10485760"},
    {"{\"logs\": {\"drivers\": [\"syslog\"]}}", POLICY_FILE_ERROR_VALUE, "json-file"},
    {"{\"host_addresses\": [\"localhost\"]}", POLICY_FILE_ERROR_VALUE, "IP addresses"},
    {"{\"actions\": [\"sync\"]}", POLICY_FILE_ERROR_VALUE, "some of create, start"},
    {"{\"actions\": [\"explode\"]}", POLICY_FILE_ERROR_VALUE, "some of create, start"},
    {"{\"save_commands\": true}", POLICY_FILE_ERROR_VALUE, "false, or a list"},
    {"{\"users\": {\"root\": 0}}", POLICY_FILE_ERROR_VALUE,
     "\"users.root\" has to be true or false"},
    {"{\"networks_per_server\": 4}", POLICY_FILE_ERROR_VALUE, "such as {\"max\": 4}"},
    {"{\"adopt\": true}", POLICY_FILE_ERROR_VALUE,
     "\"adopt\" has to be false, or a list"},
    {"{\"adopt\": []}", POLICY_FILE_ERROR_VALUE, "not empty"},
    {"{\"env\": {\"names_forbidden\": \"LD_*\"}}", POLICY_FILE_ERROR_VALUE,
     "\"env.names_forbidden\" has to be a list"},
    {"{\"stop_timeout_s\": {\"max\": \"60s\"}}", POLICY_FILE_ERROR_VALUE, "seconds"},
    {"{\"save_timeout_s\": {\"max\": true}}", POLICY_FILE_ERROR_VALUE, "seconds"},
    {"{\"restart_policies\": [\"on-failure:3\"]}", POLICY_FILE_ERROR_VALUE,
     "some of no, always, unless-stopped, on-failure"},
    {"{\"restart_policies\": []}", POLICY_FILE_ERROR_VALUE, "not empty"},
};

static void errors_name_the_key_and_what_would_be_right(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Policy) policy = policy_new();

        g_assert_false(
            policy_file_parse(wrong[i].text, strlen(wrong[i].text), policy, &error));
        g_assert_error(error, POLICY_FILE_ERROR, (int)wrong[i].code);
        if (!strstr(error->message, wrong[i].says))
            g_error("%s\n  says: %s", wrong[i].text, error->message);
    }
}

static void lists_are_bounded(void)
{
    g_autoptr(GString) text = g_string_new("{\"networks\": [\"a\"");
    g_autoptr(Policy) policy = policy_new();

    for (int i = 0; i < 1000; i++)
        g_string_append(text, ", \"a\"");
    g_string_append(text, "]}");
    g_assert_false(policy_file_parse(text->str, text->len, policy, NULL));
}

/* --- What it takes ------------------------------------------------------------------ */

static void an_empty_file_leaves_all_open(void)
{
    g_autoptr(Policy) policy = parsed("{\"memory_bytes\": {}, \"//\": 1}");

    g_assert_cmpuint(policy->name_prefixes->len + policy->networks->len, ==, 0);
    g_assert_cmpint(policy->memory_bytes.most, ==, INT64_MAX);
    g_assert_false(policy->memory_bytes.required);
    g_assert_cmpint(policy->mounts_most, ==, INT64_MAX);
    g_assert_false(policy->require_digest);
}

static void a_max_asks_for_a_limit_in_any_order(void)
{
    g_autoptr(Policy) first = parsed("{\"pids\": {\"required\": false, \"max\": 5}}");
    g_autoptr(Policy) last = parsed("{\"pids\": {\"max\": 5, \"required\": false}}");
    g_autoptr(Policy) alone = parsed("{\"pids\": {\"max\": 5}}");

    g_assert_false(first->pids.required || last->pids.required);
    g_assert_true(alone->pids.required);
    g_assert_cmpint(first->pids.most, ==, 5);
}

static void the_example_is_one(void)
{
    g_autofree char *path = g_build_filename(TEST_CASES, "..", "..", "deploy",
                                             "policy.example.json", NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(Policy) policy = parsed(text);
    g_assert_cmpuint(policy->file_registries->len, ==, 2);
    g_assert_cmpuint(policy->host_ports->len, ==, 2);
    g_assert_cmpint(policy->env_bytes_most, ==, 65536);
    g_assert_true(policy->memory_bytes.required);
    g_assert_false(policy->pids.required);
    g_assert_cmpuint(policy->mounters_ignored->len, ==, 2);
}

static void it_is_told_in_sentences(void)
{
    static const char *const parts[] = {
        "Images come from reg:5000.\n",
        "only those from reg:5000/games are taken.\n",
        "by digest alone.\n",
        "begin with a-, b-.\n",
        "among 16261-16400, 80.\n",
        "among zomboid-*.\n",
        "at most 0 mounts.\n",
        "CPU is at most 2 CPUs; a server without one is refused.\n",
        "any name but LD_*.\n",
        "at most 60 s from its signal",
        "inside /srv/a.\n",
        "mounts of backup-*.\n",
        "the capabilities CHOWN and no other.\n",
        "Nothing in a container gives new privileges.\n",
        "no limit of processes gets 4096.\n",
        "is 10.0 MiB (10485760 bytes) if a server names none",
        "number of files of a log is 3 at most.\n",
        "at most 16 networks.\n",
        "beside cancel and sync: start, stop.\n",
        "No container may be adopted.\n",
        "No save command is run.\n",
        "by a number that is not 0.\n",
        "published on 127.0.0.1 alone",
        "any name but traefik.*.\n",
    };
    g_autoptr(Policy) policy = parsed(
        "{\"registries\": [\"reg:5000/games\"], \"require_digest\": true,"
        " \"container_names\": [\"a-\", \"b-\"], \"host_ports\": [[16261, 16400], [80, 80]],"
        " \"networks\": [\"zomboid-*\"], \"mounts\": {\"max\": 0},"
        " \"nano_cpus\": {\"max\": 2000000000}, \"stop_timeout_s\": {\"max\": 60},"
        " \"mounters_ignored\": [\"backup-*\"],"
        " \"actions\": [\"start\", \"stop\"], \"adopt\": false, \"save_commands\": false,"
        " \"users\": {\"root\": false}, \"host_addresses\": [\"127.0.0.1\"],"
        " \"labels\": {\"names_forbidden\": [\"traefik.*\"]},"
        " \"capabilities\": [\"CHOWN\"], \"logs\": {\"max_files\": 3},"
        " \"env\": {\"names_forbidden\": [\"LD_*\"]}}");

    g_assert_true(policy_add_registry(policy, "reg:5000", NULL));
    g_assert_true(policy_add_data_root(policy, "/srv/a", NULL));
    g_autofree char *text = policy_text(policy);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!strstr(text, parts[i]))
            g_error("\"%s\" is not in:\n%s", parts[i], text);
    }
}

static void t5_adopt_asks_the_name_that_is_seen(void)
{
    static const struct {
        const char *text, *name, *refused;
    } rows[] = {
        {"{}", "anything", NULL},
        {"{\"adopt\": [\"old-*\"]}", "old-one", NULL},
        {"{\"adopt\": [\"old-*\"]}", "postgres", "rule adopt: the container postgres"},
        {"{\"adopt\": false}", "old-one", "rule adopt: the container old-one may not"},
        {"{\"container_names\": [\"steam-\"]}", "postgres", "rule container_names: "},
        {"{\"container_names\": [\"steam-\"], \"adopt\": [\"*\"]}", "postgres",
         "rule container_names: "},
        {"{\"container_names\": [\"steam-\"], \"adopt\": [\"*one\"]}", "steam-one", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Policy) policy = parsed(rows[i].text);
        struct refusal refusal = {0};
        g_assert_cmpint(policy_allows_adopt(policy, rows[i].name, &refusal), ==,
                        rows[i].refused == NULL);
        g_assert_cmpstr(refusal.code, ==, rows[i].refused ? CODE_FORBIDDEN : NULL);
        if (rows[i].refused)
            g_assert_true(g_str_has_prefix(refusal.message, rows[i].refused));
        refusal_clear(&refusal);
    }
}

static void t7_sizes_of_logs(void)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } rows[] = {
        {"10m", 10485760}, {"10485760", 10485760},
        {"1.5k", 1536},    {"2G", 2147483648},
        {"1kb", 1024},     {"7b", 7},
        {"0", 0},          {"", -1},
        {"-1", -1},        {"m", -1},
        {"10x", -1},       {"10mm", -1},
        {"1e30", -1},      {"inf", -1},
        {" 1", -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(log_size_parse(rows[i].text), ==, rows[i].bytes);
}

/* --- From the command line and a file ----------------------------------------------- */

struct host {
    GPtrArray *roots;
    GPtrArray *registries;
    char *directory;
    char *path;
    struct policy_source source;
};

static void set_up(struct host *host, const void *unused)
{
    host->roots = g_ptr_array_new_with_free_func(g_free);
    host->registries = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(host->roots, g_strdup("/srv/servers"));
    g_ptr_array_add(host->registries, g_strdup("reg:5000"));
    host->directory = g_dir_make_tmp("policy-XXXXXX", NULL);
    host->path = g_build_filename(host->directory, "policy.json", NULL);
    host->source = (struct policy_source){host->roots, host->registries, host->path};
}

static void tear_down(struct host *host, const void *unused)
{
    g_unlink(host->path);
    g_rmdir(host->directory);
    g_ptr_array_unref(host->roots);
    g_ptr_array_unref(host->registries);
    g_free(host->directory);
    g_free(host->path);
}

static void check_refused(const struct host *host, const char *says)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(policy_source_read(&host->source, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, says))
        g_error("says: %s", error->message);
}

static void a_source_is_read_afresh(struct host *host, const void *unused)
{
    g_file_set_contents(host->path, "{\"networks\": [\"a\"]}", -1, NULL);
    g_autoptr(Policy) before = policy_source_read(&host->source, NULL);
    g_file_set_contents(host->path, "{\"networks\": [\"a\", \"b\"]}", -1, NULL);
    g_autoptr(Policy) after = policy_source_read(&host->source, NULL);

    g_assert_cmpuint(before->networks->len, ==, 1);
    g_assert_cmpuint(after->networks->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(after->data_roots, 0), ==, "/srv/servers");
}

static void a_source_says_which_file_or_option(struct host *host, const void *unused)
{
    check_refused(host, host->path);
    g_file_set_contents(host->path, "{\"netwroks\": []}", -1, NULL);
    check_refused(host, host->path);
    check_refused(host, "netwroks");
    host->source.file = host->directory;
    check_refused(host, "is no plain file");
    host->source.file = "/dev/zero";
    check_refused(host, "is no plain file");
    host->source.file = NULL;
    g_ptr_array_add(host->registries, g_strdup("//"));
    check_refused(host, "the registry \"//\"");
}

static void a_file_is_bounded(struct host *host, const void *unused)
{
    g_autofree char *spaces = g_strnfill(POLICY_FILE_BYTES_MAX, ' ');

    spaces[0] = '{';
    spaces[POLICY_FILE_BYTES_MAX - 1] = '}';
    g_file_set_contents(host->path, spaces, POLICY_FILE_BYTES_MAX, NULL);
    g_autoptr(Policy) policy = policy_source_read(&host->source, NULL);
    g_assert_nonnull(policy);
    g_autofree char *longer = g_strconcat(spaces, " ", NULL);
    g_file_set_contents(host->path, longer, -1, NULL);
    check_refused(host, "longer");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy_file/errors_name_the_key_and_what_would_be_right",
                    errors_name_the_key_and_what_would_be_right);
    g_test_add_func("/policy_file/lists_are_bounded", lists_are_bounded);
    g_test_add_func("/policy_file/an_empty_file_leaves_all_open",
                    an_empty_file_leaves_all_open);
    g_test_add_func("/policy_file/a_max_asks_for_a_limit_in_any_order",
                    a_max_asks_for_a_limit_in_any_order);
    g_test_add_func("/policy_file/the_example_is_one", the_example_is_one);
    g_test_add_func("/policy_file/it_is_told_in_sentences", it_is_told_in_sentences);
    g_test_add_func("/policy_file/t5_adopt_asks_the_name_that_is_seen",
                    t5_adopt_asks_the_name_that_is_seen);
    g_test_add_func("/policy_file/t7_sizes_of_logs", t7_sizes_of_logs);
    g_test_add("/policy_file/a_source_is_read_afresh", struct host, NULL, set_up,
               a_source_is_read_afresh, tear_down);
    g_test_add("/policy_file/a_source_says_which_file_or_option", struct host, NULL,
               set_up, a_source_says_which_file_or_option, tear_down);
    g_test_add("/policy_file/a_file_is_bounded", struct host, NULL, set_up,
               a_file_is_bounded, tear_down);
    return g_test_run();
}
