/*
 * profile_check.h - is a profile one?
 *
 * Pure.  What resolve.c would stumble over once somebody makes a server is said when the
 * profile is brought, with the place in it: "ports[1].host_port: must be …".  Misspelt fields
 * are refused, since a limit that is not applied is worse than none.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* Errors are of RESOLVE_ERROR or CHECK_ERROR, and begin with the field. */
bool profile_check(const json_t *profile, GError **error);
