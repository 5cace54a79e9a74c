/*
 * profile.h - where profiles come from: compiled in, or brought by people into the ledger.
 */
#pragma once

#include "ledger.h"

#include <jansson.h>

#define PROFILE_DEFAULT "zomboid"

/* The profile of this name, one in the ledger first.  Owned by the caller. */
json_t *profile_find(struct ledger *ledger, const char *name, GError **error);
/* The names of those that are compiled in; g_strfreev them. */
char **profile_compiled_in(void);
/* All of them: `name`, `origin` ("own" or "muster"), `about`, and what a form needs: the
 * default `image_tag`, the record's `ports` that it uses, and `config_names`, the variables
 * that it sets itself.  Owned by the caller. */
json_t *profile_list_json(struct ledger *ledger, GError **error);
/* What --profile says: a name, or a file (anything with a slash or ending in .json), which
 * is taken into the ledger.  Returns the profile's name; g_free it. */
char *profile_take(struct ledger *ledger, const char *name_or_file, GError **error);
