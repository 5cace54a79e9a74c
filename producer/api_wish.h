/*
 * api_wish.h - what a writing request asks for, out of its body or query.
 */
#pragma once

#include "api_parts.h"
#include "ask.h"
#include "request.h"

struct wish {
    /* of a record */
    char *id;
    char *name;
    char *image;
    char *image_tag;
    char *server_data_path;
    char *steam_zomboid_registry;
    char *on_missing;
    char *profile;
    json_t *config;
    int64_t game_port; /* CONTRACT_NONE: not given */
    int64_t udp_port;
    int64_t rcon_port;
    int64_t partitions;
    /* of a command */
    char *reason;
    char *pull;
    char *container;
    char *engine_id;
    char *command_id;
    int64_t expires_ms;
    bool fresh;
    bool start;
    bool skip_save;
    bool unmarked;
    bool keep;
};

#define WISH_NONE                                                                   \
 {                                                                                  \
  .game_port = CONTRACT_NONE, .udp_port = CONTRACT_NONE, .rcon_port = CONTRACT_NONE \
 }

void wish_clear(struct wish *wish);
typedef struct wish Wish;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wish, wish_clear)

/* The tables of web/openapi.json's request schemas. */
extern const struct ask_table wish_server_new, wish_server_change, wish_adopt, wish_start,
    wish_replace, wish_restore, wish_stop, wish_cancel, wish_sync, wish_remove,
    wish_purge, wish_agent_new, wish_agent_change, wish_reason, wish_rebind;

/* Reads the body by the table; nothing may stand in the query.  false: it is answered, or an
 * error. */
enum wished { WISHED, WISHED_ANSWERED, WISHED_FAILED };
enum wished wish_take(struct visit *visit, const struct ask_table *table,
                      struct wish *wish, GError **error);
/* What of it goes into a record; `server` is a draft, or the row as it is. */
void wish_put(const struct wish *wish, struct server_row *server);
/* The request that it is; borrows from both. */
struct request wish_request(const struct visit *visit, const struct wish *wish,
                            enum action action);
