/*
 * main.c - muster-worker: options, and the process around worker_run().
 */
#include "clean.h"
#include "completion.h"
#include "cores.h"
#include "footprint.h"
#include "host.h"
#include "log.h"
#include "manual.h"
#include "properties.h"
#include "worker.h"

#include <signal.h>
#include <stdio.h>

#define EARLY_END_MS 3000 /* nothing has been done yet */

struct settings {
    char *agent;
    char *bus;
    GPtrArray *data_roots;
    GPtrArray *registries;
    char *worker;
    char *policy;
    bool check_policy;
    char *docker_config;
    GPtrArray *name_prefixes;
    GPtrArray *property_files;
    GPtrArray *properties;
    char *docker;
    char *metrics;
    int64_t sync_interval_ms;
    int64_t concurrency;
    int64_t heartbeat_ms;
    int64_t pull_stall_ms;
    int64_t pull_most_ms;
    int64_t takeover_ms;
    int64_t drain_ms;
    double patience;
    bool json_log;
    bool debug;
    bool version;
    bool manual;
    char *completion;
};

#define AT(field) offsetof(struct settings, field)

/* clang-format off */
static const struct option options[] = {
    {"agent", 0, OPTION_STRING, AT(agent), "ID",
     "the agent (Docker host) whose commands to take; made by `muster agent add`"},
    {"bus", 0, OPTION_STRING, AT(bus), "URL",
     "kafka://HOST:PORT[,…] or sqlite:///PATH; default: $MUSTER_BUS"},
    {"data-root", 0, OPTION_STRINGS, AT(data_roots), "DIR",
     "directory in which servers' data may lie; may be repeated; locks lie in the first"},
    {"registry", 0, OPTION_STRINGS, AT(registries), "PREFIX",
     "images may come from here, e.g. registry.example:5000/games; may be repeated"},
    {"worker", 0, OPTION_STRING, AT(worker), "NAME",
     "this worker's slot; default: the first free of agent-1, agent-2, …"},
    {"policy", 0, OPTION_STRING, AT(policy), "FILE",
     "further limits on commands, as JSON; SIGHUP reads it again"},
    {"check-policy", 0, OPTION_FLAG, AT(check_policy), NULL,
     "say in plain words what --policy, --data-root and --registry allow, and end"},
    {"name-prefix", 0, OPTION_STRINGS, AT(name_prefixes), "P",
     "unlabelled containers whose names begin so are told to the control plane; default: "
     "steam-zomboid-"},
    {"properties", 'F', OPTION_STRINGS, AT(property_files), "FILE",
     "librdkafka properties, one key=value a line; secret ones go here alone"},
    {"property", 'X', OPTION_STRINGS, AT(properties), "KEY=VALUE",
     "a librdkafka property that is no secret"},
    {"docker", 0, OPTION_STRING, AT(docker), "SOCKET",
     "the engine's unix socket; default: /var/run/docker.sock"},
    {"docker-config", 0, OPTION_STRING, AT(docker_config), "FILE",
     "Docker's config.json with the credentials for registries, read for each pull; default: "
     "$DOCKER_CONFIG/config.json or ~/.docker/config.json"},
    {"sync-interval", 0, OPTION_DURATION, AT(sync_interval_ms), "TIME",
     "between two lists of the engine; default: 30s"},
    {"concurrency", 0, OPTION_NUMBER, AT(concurrency), "N",
     "engine changes at once; default: twice the cores", false, 0, 1000},
    {"metrics", 0, OPTION_STRING, AT(metrics), "ADDR",
     "serve figures for Prometheus at http://ADDR/metrics; HOST:PORT, or :PORT for loopback"},
    {"heartbeat", 0, OPTION_DURATION, AT(heartbeat_ms), "TIME",
     "between two signs of life, at most 1h; default: 30s"},
    {"pull-stall", 0, OPTION_DURATION, AT(pull_stall_ms), "TIME",
     "end a pull that brings nothing for that long; default: 2m"},
    {"pull-most", 0, OPTION_DURATION, AT(pull_most_ms), "TIME",
     "end any pull after that; default: 2h"},
    {"takeover", 0, OPTION_DURATION, AT(takeover_ms), "TIME",
     "kill a worker that holds a partition of ours and has hung for that long; default: 30s"},
    {"drain", 0, OPTION_DURATION, AT(drain_ms), "TIME",
     "on SIGTERM, let running commands end for that long, while the bus is there; default: 60s"},
    {"patience", 0, OPTION_FACTOR, AT(patience), "FACTOR",
     "multiply every span for which an engine that is away, refuses or hangs is waited for, and "
     "the 10 minutes after which a container counts as stable again; "
     "for tests, where 0.05 makes seconds of minutes; default: 1"},
    {"log-json", 0, OPTION_FLAG, AT(json_log), NULL, "log lines as JSON objects"},
    {"debug", 0, OPTION_FLAG, AT(debug), NULL, "log more"},
    {"version", 0, OPTION_FLAG, AT(version), NULL, "print the version"},
    {"manual", 0, OPTION_FLAG, AT(manual), NULL, "print the manual page, for man(1)"},
    {"completion", 0, OPTION_STRING, AT(completion), "bash|zsh|fish",
     "print what makes a shell complete our options"},
};

static const struct option_table table = {
    .usage = "muster-worker --agent ID --bus URL --data-root DIR… --registry PREFIX… [OPTION…]",
    .summary = "Carries out the commands of an agent on this host's Docker Engine, and writes "
               "what it did and saw to the topic muster.events.",
    .footer = "Exit codes: 0 ended by SIGTERM, 1 cannot go on (start it again), 2 usage.\n",
    .options = options,
    .n_options = G_N_ELEMENTS(options),
};
/* clang-format on */

static bool check_required(const struct settings *settings, GError **error)
{
    const bool runs = !settings->check_policy;
    const char *missing = runs && !settings->agent     ? "--agent ID"
                          : runs && !settings->bus     ? "--bus URL"
                          : !settings->data_roots->len ? "--data-root DIR"
                          : !settings->registries->len ? "--registry PREFIX"
                                                       : NULL;
    if (missing)
        g_set_error(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE,
                    "%s is required; see muster-worker --help", missing);
    else if (settings->heartbeat_ms > HEARTBEAT_MOST_MS)
        g_set_error(
            error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE,
            "--heartbeat: at most 1h: who is silent for longer is taken for gone");
    return !missing && settings->heartbeat_ms <= HEARTBEAT_MOST_MS;
}

static struct policy_source policy_source(const struct settings *settings)
{
    return (struct policy_source){
        .data_roots = settings->data_roots,
        .registries = settings->registries,
        .file = settings->policy,
    };
}

static struct policy *read_policy(const struct settings *settings, GError **error)
{
    const struct policy_source source = policy_source(settings);
    return check_required(settings, error) ? policy_source_read(&source, error) : NULL;
}

static int usage(GError *error)
{
    clean_print(stderr, "muster-worker: %s\n", error->message);
    g_error_free(error);
    return 2;
}

static void block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int check_policy(const struct settings *settings)
{
    GError *error = NULL;
    g_autoptr(Policy) policy = read_policy(settings, &error);
    if (!policy)
        return usage(error);
    g_autofree char *text = policy_text(policy);
    fputs(text, stdout);
    for (guint i = 0; i < policy->data_roots->len; i++) {
        g_autofree char *exposed = host_exposed(g_ptr_array_index(policy->data_roots, i));
        if (exposed)
            printf("\nTake care: %s.\n", exposed);
    }
    return 0;
}

static struct worker_config worker_config(const struct settings *settings)
{
    return (struct worker_config){
        .agent_id = settings->agent,
        .slot = settings->worker,
        .docker_socket = settings->docker,
        .metrics = settings->metrics,
        .policy_source = policy_source(settings),
        .name_prefixes = settings->name_prefixes,
        .concurrency = (unsigned)settings->concurrency,
        .sync_interval_ms = settings->sync_interval_ms,
        .heartbeat_ms = settings->heartbeat_ms,
        .pull_stall_ms = settings->pull_stall_ms,
        .pull_most_ms = settings->pull_most_ms,
        .takeover_ms = settings->takeover_ms,
        .drain_ms = settings->drain_ms,
        .patience = settings->patience,
    };
}

/* It is the host's to mend, and no reason not to work. */
static void tell_exposed(const struct policy *policy)
{
    for (guint i = 0; i < policy->data_roots->len; i++) {
        g_autofree char *exposed = host_exposed(g_ptr_array_index(policy->data_roots, i));
        if (exposed)
            log_warning("data_root.exposed", "why", exposed);
    }
}

static int run(const struct settings *settings)
{
    struct ending *early = ending_on_signal(EARLY_END_MS);
    GError *error = NULL;
    g_autofree char *docker_config = credentials_default_file();
    struct worker_config config = worker_config(settings);
    g_autoptr(GPtrArray) properties = properties_read(settings->property_files,
                                                      settings->properties, &error);
    g_autoptr(Policy) policy = properties ? read_policy(settings, &error) : NULL;
    g_autoptr(Bus) bus = policy ? bus_open(settings->bus, properties, &error) : NULL;
    if (!bus)
        return usage(error);
    config.early = early;
    config.bus = bus;
    config.policy = policy;
    config.credentials.must_exist = settings->docker_config != NULL;
    config.credentials.file = settings->docker_config ? settings->docker_config
                                                      : docker_config;
    tell_exposed(policy);
    if (worker_run(&config, &error))
        return 0;
    log_error("ended", "why", error->message);
    g_error_free(error);
    return 1;
}

static void settings_init(struct settings *settings)
{
    *settings = (struct settings){
        .bus = g_strdup(g_getenv("MUSTER_BUS")),
        .data_roots = g_ptr_array_new_with_free_func(g_free),
        .registries = g_ptr_array_new_with_free_func(g_free),
        .name_prefixes = g_ptr_array_new_with_free_func(g_free),
        .property_files = g_ptr_array_new_with_free_func(g_free),
        .properties = g_ptr_array_new_with_free_func(g_free),
        .docker = g_strdup("/var/run/docker.sock"),
        .sync_interval_ms = 30000,
        .heartbeat_ms = 30000,
        .pull_stall_ms = 120000,
        .pull_most_ms = 2 * 3600 * 1000,
        .takeover_ms = 30000,
        .drain_ms = 60000,
        .patience = 1,
    };
}

static void settings_clear(struct settings *settings)
{
    g_free(settings->agent);
    g_free(settings->bus);
    g_free(settings->worker);
    g_free(settings->policy);
    g_free(settings->docker_config);
    g_free(settings->docker);
    g_free(settings->metrics);
    g_free(settings->completion);
    g_ptr_array_unref(settings->data_roots);
    g_ptr_array_unref(settings->registries);
    g_ptr_array_unref(settings->name_prefixes);
    g_ptr_array_unref(settings->property_files);
    g_ptr_array_unref(settings->properties);
}

/* What stands in the tables and needs nothing else.  -1: none of that was asked for. */
static int tell(const struct settings *settings, const struct option_table *const *tables)
{
    GError *error = NULL;
    g_autofree char *text = NULL;
    if (settings->version)
        text = g_strdup("muster-worker " MUSTER_VERSION "\n");
    else if (settings->manual)
        text = manual_of_options("muster-worker", "carry out commands on a Docker host",
                                 tables, 1);
    else if (settings->completion)
        text = completion_script("muster-worker", settings->completion, &error);
    else
        return -1;
    if (!text)
        return usage(error);
    fputs(text, stdout);
    return 0;
}

static int complete(const struct option_table *const *tables, char *const *words)
{
    g_autofree char *text = completion_of_options(tables, 1, words);
    fputs(text, stdout);
    return 0;
}

static int serve(struct settings *settings)
{
    if (settings->name_prefixes->len == 0)
        g_ptr_array_add(settings->name_prefixes, g_strdup("steam-zomboid-"));
    log_setup(settings->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, settings->json_log);
    footprint_limit();
    block_signals();
    return run(settings);
}

int main(int argc, char **argv)
{
    const struct option_table *tables[] = {&table};
    struct settings settings;
    GError *error = NULL;
    bool helped = false;
    int code = -1;
    cores_off();
    if (argc > 1 && g_str_equal(argv[1], COMPLETION_WORD))
        return complete(tables, argv + 2);
    settings_init(&settings);
    void *intos[] = {&settings};
    if (!options_parse(tables, intos, 1, &argc, &argv, &helped, &error))
        code = usage(error);
    else if (helped)
        code = 0;
    else
        code = tell(&settings, tables);
    if (code < 0)
        code = settings.check_policy ? check_policy(&settings) : serve(&settings);
    settings_clear(&settings);
    return code;
}
