/*
 * make_ledger.c - a ledger of a large fleet, made by the program's own schema.
 *
 *   make_ledger FILE [SERVERS [AGENTS]]     1,000,000 servers on 10,000 agents by default
 *
 * FILE is made, or a ledger by `muster init`, so that the command line can be tried on it.  One
 * in 50 servers is deleted, one in 100 stopped, one in 1,000 missing; each agent has a worker
 * that will be heard of for a day.
 */
#include "ledger_rows.h"
#include "ledger_upkeep.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMIT_EVERY 20000
#define PARTITIONS   4

static void must(bool good, const GError *error)
{
    if (good)
        return;
    fprintf(stderr, "make_ledger: %s\n", error->message);
    exit(1);
}

static void commit_some(struct ledger *ledger, int64_t done)
{
    g_autoptr(GError) error = NULL;
    if (done % COMMIT_EVERY == 0)
        must(ledger_commit(ledger, &error) && ledger_begin(ledger, &error), error);
}

static char *make_agent(struct ledger *ledger, int64_t number, int64_t now)
{
    g_autoptr(AgentRow) agent = agent_row_new();
    g_autoptr(GError) error = NULL;
    char *id = uuid7_new(now);
    row_set(&agent->id, id);
    g_free(agent->name);
    agent->name = g_strdup_printf("host-%05" G_GINT64_FORMAT, number);
    row_set(&agent->steam_zomboid_registry, "registry.example:5000/steam-zomboid");
    row_set(&agent->server_data_path, "/srv/servers");
    row_set(&agent->on_missing, "show");
    agent->partitions = PARTITIONS;
    agent->last_event_at = agent->created_at = agent->updated_at = now;
    must(ledger_store_agent(ledger, agent, &error), error);
    return id;
}

static void make_worker(struct ledger *ledger, const char *agent_id, int64_t now)
{
    g_autoptr(WorkerRow) worker = worker_row_new();
    g_autoptr(GError) error = NULL;
    g_free(worker->id);
    worker->id = g_strdup_printf("%s/%s-1", agent_id, agent_id);
    row_set(&worker->agent_id, agent_id);
    row_set(&worker->worker, "1");
    row_set(&worker->partitions, "0,1,2,3");
    worker->heard_at = worker->started_at = now;
    worker->interval_ms = INT64_C(24) * 3600 * 1000;
    must(ledger_store_worker(ledger, worker, &error), error);
}

static void settle(struct server_row *server, int64_t number, int64_t now)
{
    server->status = server->settled_status = number % 100 == 1 ? STATUS_STOPPED
                                                                : STATUS_RUNNING;
    server->container_seen = true;
    server->shown = SHOWN_PRESENT;
    server->container_status = CONTAINER_RUNNING;
    if (number % 1000 == 2) {
        server->status = STATUS_MISSING;
        server->missing_since = now;
        server->shown = SHOWN_ABSENT;
    }
    if (number % 50 != 3)
        return;
    server->status = server->settled_status = STATUS_DELETED;
    server->deleted_at = now;
    server->container_seen = false;
}

static void make_server(struct ledger *ledger, const char *agent_id, int64_t number,
                        int64_t now)
{
    static const char digest[] =
        "62faa19e4a139ccb36cc3357d5e94d2ed5fb524f6912b1edbfb7749456df0b5a";
    g_autoptr(ServerRow) server = server_row_new();
    g_autoptr(GError) error = NULL;
    g_free(server->id);
    server->id = uuid7_new(now);
    row_set(&server->agent_id, agent_id);
    g_free(server->name);
    server->name = g_strdup_printf("server-%07" G_GINT64_FORMAT, number);
    row_set(&server->profile, "zomboid");
    row_set(&server->config, "{\"ADMIN_PASSWORD\":\"not a secret\",\"MAX_PLAYERS\":32}");
    row_set(&server->config_names, "[\"ADMIN_PASSWORD\",\"MAX_PLAYERS\"]");
    row_set(&server->image_tag, "latest");
    server->game_port = 16261;
    server->udp_port = 16262;
    server->rcon_port = 27015;
    server->created_at = server->updated_at = now;
    g_free(server->container);
    server->container = g_strdup_printf("steam-zomboid-%s", server->name);
    g_free(server->data_dir);
    server->data_dir = g_strdup_printf("/srv/servers/%s", server->name);
    row_set(&server->spec_digest, digest);
    row_set(&server->container_spec, digest);
    row_set(&server->container_image, "registry.example:5000/steam-zomboid:latest");
    server->container_id = g_compute_checksum_for_string(G_CHECKSUM_SHA256, server->id,
                                                         -1);
    server->partition = partition_of(server->id, PARTITIONS);
    server->data_exists = MAYBE_YES;
    settle(server, number, now);
    must(ledger_store_server(ledger, server, &error), error);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int64_t servers = argc > 2 ? g_ascii_strtoll(argv[2], NULL, 10) : 1000000;
    int64_t agents = argc > 3 ? g_ascii_strtoll(argv[3], NULL, 10) : 10000;
    int64_t now = g_get_real_time() / 1000;
    if (argc < 2 || servers < 1 || agents < 1) {
        fputs("make_ledger FILE [SERVERS [AGENTS]]\n", stderr);
        return 2;
    }
    g_autoptr(Ledger) ledger = ledger_make(argv[1], &error);
    must(ledger && ledger_begin(ledger, &error), error);
    int64_t done = 0;
    for (int64_t i = 0; i < agents; i++) {
        g_autofree char *agent_id = make_agent(ledger, i, now);
        make_worker(ledger, agent_id, now);
        for (int64_t upto = servers * (i + 1) / agents; done < upto;) {
            make_server(ledger, agent_id, done, now);
            commit_some(ledger, ++done);
        }
    }
    must(ledger_commit(ledger, &error), error);
    return 0;
}
