/*
 * adoption.h - whether a container that a command names by its id may be had.
 *
 * Pure.  A command says which container its server is to have; what the container is, and how
 * it is called, only the engine says.
 */
#pragma once

#include "container.h"
#include "policy.h"

/* Asked before each change of what spec.adopt names, `seen` as the engine shows it; `by_id`: it
 * was looked for by that id, not by the server's name.  False: `ret_refusal` is CODE_FORBIDDEN
 * (the policy's rule, or it reaches the host) or CODE_NAME_CONFLICT (it is somebody else's). */
bool adoption_allows(const struct policy *policy, const struct command *command,
                     const struct container *seen, bool by_id,
                     struct refusal *ret_refusal);
