/*
 * adopt.h - makes a container that nobody made through Muster a server's own.
 *
 * The container is taken from the agent's last sync.  Its name says the server's: the profile
 * names containers after servers, and the next rebuild has to find the same name.  A server
 * of that name whose own container is gone gets this one; otherwise a new record is made.
 */
#pragma once

#include "request.h"

/* `draft` has the agent_id and what was asked for; image, image_tag, ports and data path are taken
 * from the container where they are not (propose.h).  What a rebuild would change of it is noted
 * with what was queued.  With `as_found` the server gets a profile
 * of its own that keeps the container (propose_profile.h).  `container` is a name, an id, or an id's first 12 digits. */
struct queued *adopt(struct ledger *ledger, struct codec *codec,
                     const struct server_row *draft, const char *container,
                     const struct request *request, GError **error);
