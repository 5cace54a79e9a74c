/*
 * cli.h - the command line: one row per command.
 *
 * cli.c finds the row and parses by it, cli_*.c hold the commands of one noun each.
 */
#pragma once

#include "contract.h"
#include "options.h"
#include "session.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,      /* the result was failed, rejected, expired or cancelled */
    CLI_USAGE = 2,       /* wrong words, or refused before anything was sent */
    CLI_TIMEOUT = 3,     /* --wait: no result in time; the command goes on */
    CLI_UNREACHABLE = 4, /* bus or ledger */
};

/* The topics keep commands for 7 days. */
#define CLI_EXPIRES_MAX (INT64_C(6) * 24 * 3600 * 1000)

/* The options of all commands together; each table fills those that are its own. */
struct flags {
    char *id;
    char *registry;
    char *data_path;
    char *image;
    char *image_tag;
    char *profile;
    char *agent;
    char *status;
    char *server;
    char *reason;
    char *command;
    char *listen;
    char *after;
    GPtrArray *env;
    GPtrArray *env_file;
    GPtrArray *unset_env;
    int64_t game_port; /* -1: not given */
    int64_t udp_port;
    int64_t rcon_port;
    int64_t partitions;
    int64_t events_partitions;
    int64_t replication;
    int64_t min_insync;
    int64_t limit;
    int64_t since_ms;
    int64_t deleted_before_ms; /* -1: not given */
    int64_t expires_ms;
    bool follow;
    bool fresh;
    bool start;
    bool skip_save;
    bool skip_invalid;
    bool dry_run;
    bool insecure;
    bool keep;
    bool unmanaged;
    bool extra;
    bool orphans;
    bool verify;
    char *pull;
    char *on_missing;
    char *engine;
    char *at;
    char *from;
    char *role;
    char *tls_cert;
    char *tls_key;
    GPtrArray *cors_origin;
    GPtrArray *proxy;
    char *name;
};

struct cli_row;

/* One call: what was asked for, and what it works with. */
struct call {
    const struct cli_row *row;
    struct flags *flags;
    const struct common *common;
    char **words;
    bool away; /* the bus did not answer: it is not asked again */
    struct session session;
};

typedef int cli_run(struct call *call, GError **error);

struct cli_row {
    const char *noun; /* NULL: a command of one word */
    const char *verb;
    const char *arguments; /* for --help: "AGENT NAME" */
    int n_arguments;
    const char *about;
    const struct option *options;
    size_t n_options;
    cli_run *run;
    enum action action;  /* of those that queue one */
    bool makes;          /* makes the ledger; others want it to be there */
    bool alone;          /* opens ledger and bus itself, if it wants them */
    const char *details; /* more for --help, or NULL; ends with a newline */
};

extern const struct cli_row cli_agent_rows[], cli_server_rows[], cli_list_rows[],
    cli_fleet_rows[], cli_profile_rows[], cli_token_rows[], cli_audit_rows[],
    cli_bus_rows[], cli_shell_rows[], cli_other_rows[];
extern const size_t cli_n_agent_rows, cli_n_server_rows, cli_n_list_rows,
    cli_n_fleet_rows, cli_n_profile_rows, cli_n_token_rows, cli_n_audit_rows,
    cli_n_bus_rows, cli_n_shell_rows, cli_n_other_rows;

/* The whole program; returns its exit code. */
int cli_main(int argc, char **argv);

/* --- For the commands -------------------------------------------------------------------- */

/* Sets a usage error. */
int cli_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Fills a request of this call. */
struct request cli_request(const struct call *call, enum action action);
/* By id or name; by id or AGENT/NAME.  NULL and an error if there is none. */
struct agent_row *cli_find_agent(struct call *call, const char *id_or_name,
                                 GError **error);
struct server_row *cli_find_server(struct call *call, const char *words, GError **error);
/* The ledger as the log is now; if the bus is away, says so and sets `*ret_stale`. */
bool cli_catch_up(struct call *call, bool *ret_stale, GError **error);
/* Sends what was queued, waits if asked, prints; the exit code. */
int cli_finish(struct call *call, const struct queued *queued, GError **error);
/* The same for several commands at once (a sync of all). */
int cli_finish_all(struct call *call, const GPtrArray *queued, GError **error);
/* Makes the topics of an agent that is not known yet. */
bool cli_make_topics(struct call *call, const char *agent_id, int64_t partitions,
                     GError **error);
/* Sends all of what was queued (struct queued), in order. */
bool cli_send(struct call *call, const GPtrArray *all, GError **error);
/* Waits for the results of all; the worst one is left in `*ret_command`. */
int cli_wait(struct call *call, const GPtrArray *all, struct command_row **ret_command,
             GError **error);
/* Refuses, before anything is written, what the bus would take to the wrong partition. */
bool cli_check_agent(struct call *call, const struct agent_row *agent, GError **error);

/* muster audit aside (cli_aside.c). */
int cli_audit_aside(struct call *call, GError **error);
extern const char cli_aside_details[];
