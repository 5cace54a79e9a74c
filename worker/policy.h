/*
 * policy.h - what this host lets the wire ask for.
 *
 * Pure.  Data roots and registries are required; the rest comes from a file and is open
 * where the file says nothing.  Every refusal names the rule, the value and what would be
 * right.  Symlinks are not seen here: host.c resolves beneath the roots again (openat2).
 */
#pragma once

#include "contract.h"

struct policy {
    GPtrArray *data_roots; /* char *, absolute, normalized; mounts lie inside */
    GPtrArray *registries; /* char *, image prefixes at a path border: "reg:5000/games" */
    GPtrArray *name_prefixes; /* char *, of container names; empty: any */
};

/* A no that goes into a result. */
struct refusal {
    const char *code; /* CODE_…, static */
    char *message;
};
/* Makes one line of bounded length; false, so that a rule can return it. */
bool refusal_set(struct refusal *refusal, const char *code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void refusal_clear(struct refusal *refusal);

struct policy *policy_new(void);
void policy_free(struct policy *policy);
/* Error (G_IO_ERROR_INVALID_ARGUMENT) if a root is not a plain absolute path (a slash at its
 * end is cut off), or a registry is no prefix of an image's name. */
bool policy_add_data_root(struct policy *policy, const char *path, GError **error);
bool policy_add_registry(struct policy *policy, const char *prefix, GError **error);

/* Absolute, and as short as it can be written: no "//", ".", "..", no slash at the end, no
 * control characters, at most 1,024 bytes; not "/". */
bool path_is_plain(const char *path);
bool text_has_control(const char *text);
/* By distribution's grammar: host/path:tag@digest. */
bool reference_is_valid(const char *reference);

/* Whether the command may be carried out here: its names, image, mounts, paths, ports,
 * networks, limits.  False: `ret_refusal` is CODE_FORBIDDEN (outside the policy) or
 * CODE_INVALID (contradicts itself: "..", relative paths, an empty container name, the same
 * port twice, a label of ours, a bad signal). */
bool policy_allows(const struct policy *policy, const struct command *command,
                   struct refusal *ret_refusal);

/* The data root that `path` lies in (not equal to it, not the worker's own part of it, and
 * holding no other root), or NULL, also for NULL; borrowed.  No file access. */
const char *policy_root_of(const struct policy *policy, const char *path);
/* Whether a registry prefix allows the image; "busybox" is docker.io/library/busybox. */
bool policy_allows_image(const struct policy *policy, const char *reference);

typedef struct policy Policy;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policy, policy_free)
