/*
 * policy_source.h - where this host's policy comes from: the command line and a file.
 */
#pragma once

#include "policy.h"

struct policy_source {
    const GPtrArray *data_roots; /* char *, of --data-root; at least one */
    const GPtrArray *registries; /* char *, of --registry; at least one */
    const char *file;            /* of --policy (policy_file.h), or NULL */
};

/* Reads it afresh.  The error says which option or file, which key, and what would be right.
 * Blocks for as long as the file does. */
struct policy *policy_source_read(const struct policy_source *source, GError **error);
