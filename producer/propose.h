/*
 * propose.h - the record that keeps a container as it is.
 *
 * Pure.  What nobody has said of the record is taken from the container, by the places where the
 * profile says what a record's field is for: its ports, and the directory that its mounts lie in.
 * What the profile leaves to nobody (a command line, a restart policy, another mount) is no
 * record's to say: differ.h tells it.
 */
#pragma once

#include "rows.h"

#include <jansson.h>

/* Fills game_port, udp_port, rcon_port and server_data_path, where they are not given.  Of two
 * ports that could be either, the lower is the one that the profile names first. */
void propose(struct server_row *server, const struct agent_row *agent,
             const json_t *profile, const struct found *found);
