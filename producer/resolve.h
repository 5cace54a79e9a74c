/*
 * resolve.h - from what was asked to a complete description of a container.
 *
 * Pure: a server's record, its agent and a profile go in, a spec comes out, or an error that
 * names the field.  A profile is a JSON template with {placeholders}, so that another game
 * needs a file and no code:
 *
 *     {id} {name} {agent} {image} {image_tag} {game_port} {udp_port} {rcon_port}
 *     {data_path}   the server's server_data_path, or its agent's
 *     {data_dir}    what the profile's data_dir came to
 *     {{ }}         a brace that is none of a placeholder
 *
 * Ports may be ranges, "27015-27030" on both sides.  What a profile does not say is as the
 * image or the engine has it.
 */
#pragma once

#include "contract.h"
#include "rows.h"

#include <jansson.h>

#define RESOLVE_ERROR (resolve_error_quark())
GQuark resolve_error_quark(void);
enum resolve_error {
    RESOLVE_ERROR_RECORD,  /* the record asks for what cannot be; names the field */
    RESOLVE_ERROR_PROFILE, /* the profile is not one */
};

#define RESOLVE_PORTS_MAX 256 /* of one server; a host takes no more */

#define RESOLVE_WORDS                                                                  \
 "{id}, {name}, {agent}, {image}, {image_tag}, {game_port}, {udp_port}, {rcon_port}, " \
 "{data_path}, {data_dir}"
bool resolve_knows_word(const char *name); /* "game_port" */

/* The spec of a record; `key` (bytes of the ledger's secret) makes its digest.  Errors are
 * of RESOLVE_ERROR or CHECK_ERROR. */
struct spec *resolve(const struct server_row *server, const struct agent_row *agent,
                     const json_t *profile, GBytes *key, GError **error);

/* Hex HMAC-SHA256 of all that the container is made from, env values included: equal for
 * equal specs, and nothing can be guessed from it without the key.  g_free it. */
char *resolve_digest(const struct spec *spec, GBytes *key);

/* The name of the server whose container a profile would name so; g_free it.
 * RESOLVE_ERROR_RECORD if it names none so. */
char *resolve_name(const json_t *profile, const struct agent_row *agent,
                   const char *container, GError **error);

/* A profile's text as JSON, checked as far as it can be without a record. */
json_t *resolve_profile(const char *text, GError **error);
