/*
 * fuzz_profile.c - any bytes at all, as a profile of somebody's own.
 *
 * What is taken for one describes a container, or is refused over the record; its own mistakes
 * were said before.
 *
 * A seed corpus lies in corpus/profile.
 */
#include "check.h"
#include "profile_check.h"
#include "resolve.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server_row *a_server(void)
{
    struct server_row *server = server_row_new();
    row_set(&server->id, "s1");
    row_set(&server->name, "alpha");
    row_set(&server->image, "registry.test/x");
    row_set(&server->config, "{\"PASSWORD\":\"hunter2\"}");
    server->game_port = 16261;
    server->udp_port = 16262;
    server->rcon_port = 27015;
    return server;
}

static struct agent_row *an_agent(void)
{
    struct agent_row *agent = agent_row_new();
    row_set(&agent->name, "host-1");
    row_set(&agent->server_data_path, "/srv");
    return agent;
}

static void try_resolve(const json_t *profile)
{
    g_autoptr(ServerRow) server = a_server();
    g_autoptr(AgentRow) agent = an_agent();
    g_autoptr(GBytes) key = g_bytes_new_static("key", 3);
    g_autoptr(GError) error = NULL;
    g_autoptr(Spec) spec = resolve(server, agent, profile, key, &error);
    g_assert((spec == NULL) == (error != NULL));
    g_assert(!error || error->domain == CHECK_ERROR || error->domain == RESOLVE_ERROR);
    g_assert(!error || !strstr(error->message, "hunter2"));
    if (!spec)
        return;
    g_autofree char *name = resolve_name(profile, agent, spec->container, NULL);
    g_assert(!name || strstr(spec->container, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    json_auto_t *profile = resolve_profile(text, &error);
    g_assert((profile == NULL) == (error != NULL));
    if (!profile)
        return 0;
    bool good = profile_check(profile, &error);
    g_assert(good == (error == NULL));
    if (good)
        try_resolve(profile);
    return 0;
}
