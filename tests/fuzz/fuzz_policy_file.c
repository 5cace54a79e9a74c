/*
 * fuzz_policy_file.c - any bytes at all, as a host's own files: a policy, Docker's config, a
 * helper's answer.
 *
 * The first byte chooses which.  A policy that was taken can be told in words and judges a
 * command without harm; a refusal names its rule.  What is said to a registry is plain
 * base64url, and an error shows nothing of the file but places.
 *
 * A seed corpus lies in corpus/policy_file.
 */
#include "docker_config.h"
#include "policy_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct command *a_command(void)
{
    struct command *command = command_new();

    command->command_id = (g_free(command->command_id), g_strdup("c1"));
    command->server_id = (g_free(command->server_id), g_strdup("s1"));
    command->action = (g_free(command->action), g_strdup("create"));
    command->spec = command->spec != NULL ? command->spec : spec_new();
    command->spec->container = (g_free(command->spec->container), g_strdup("zomboid-1"));
    command->spec->image = (g_free(command->spec->image), g_strdup("reg:5000/x"));
    command->spec->image_tag = (g_free(command->spec->image_tag), g_strdup("1"));
    g_ptr_array_add(command->spec->env, pair_new("LD_PRELOAD", "hunter2"));
    g_ptr_array_add(command->spec->networks, network_new("zomboid-servers", false));
    g_ptr_array_add(command->spec->ports, port_new(16261, 16261, PROTOCOL_UDP));
    return command;
}

/* `text` of the policy may have anything in it, which a refusal may then show. */
static void judge(const struct policy *policy, const char *text)
{
    g_autoptr(Command) command = a_command();
    struct refusal refusal = {0};

    if (!policy_allows(policy, command, &refusal)) {
        g_assert(g_str_has_prefix(refusal.message, "rule "));
        g_assert(!strchr(refusal.message, '\n'));
        g_assert(!strstr(refusal.message, "hunter2") || strstr(text, "hunter2"));
    }
    refusal_clear(&refusal);
}

static void try_policy(const char *text, size_t length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Policy) policy = policy_new();

    g_assert(policy_add_registry(policy, "reg:5000", NULL));
    const bool good = policy_file_parse(text, length, policy, &error);
    g_assert(good == (error == NULL));
    if (good) {
        g_autofree char *words = policy_text(policy);
        g_assert(g_utf8_validate(words, -1, NULL));
        judge(policy, text);
    }
}

static void check_auth(bool good, const char *auth, const GError *error)
{
    g_assert(good == (error == NULL));
    g_assert(good || !auth);
    g_assert(!auth ||
             auth[strspn(auth, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789-_=")] == '\0');
}

static void try_config(const char *text, size_t length)
{
    static const char *const hosts[] = {"docker.io", "reg:5000"};
    g_autoptr(DockerConfig) config = docker_config_parse(text, length, NULL);

    for (size_t i = 0; config && i < G_N_ELEMENTS(hosts); i++) {
        g_autofree char *auth = NULL, *program = NULL;
        g_autoptr(GError) error = NULL;
        bool good = docker_config_auth(config, hosts[i], &auth, &error);
        check_auth(good, auth, error);
        g_clear_error(&error);
        good = docker_config_helper(config, hosts[i], &program, &error);
        g_assert(good == (error == NULL));
        g_assert(!program || !strchr(program, '/'));
    }
}

static void try_answer(const char *text, size_t length)
{
    for (int code = 0; code < 2; code++) {
        g_autofree char *auth = NULL;
        g_autoptr(GError) error = NULL;
        const bool good = docker_config_answer("reg:5000", code, text, length, &auth,
                                               &error);
        check_auth(good, auth, error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *, size_t) = {try_policy, try_config,
                                                          try_answer};

    if (size == 0)
        return 0;
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    memcpy(text, data + 1, size - 1); /* NULs, too */
    tries[data[0] % G_N_ELEMENTS(tries)](text, size - 1);
    return 0;
}
