/*
 * policy.h - what this host lets the wire ask for.
 *
 * Pure.  Data roots and registries are required; the rest comes from a file and is open
 * where the file says nothing.  Every refusal names the rule, the value and what would be
 * right.  Symlinks are not seen here: host.c resolves beneath the roots again (openat2).
 */
#pragma once

#include "contract.h"
#include "reference.h"

/* Both ends included. */
struct span {
    int64_t least;
    int64_t most;
};

struct limit {
    int64_t most;  /* INT64_MAX: none */
    bool required; /* a server without a limit is refused */
};

/* Of the files that an engine's log is kept in. */
struct log_bound {
    int64_t given; /* to a server that asks for none; 0: no bound */
    int64_t most;  /* INT64_MAX: none */
};

struct policy {
    gatomicrefcount references;
    GPtrArray *data_roots; /* char *, absolute, normalized; mounts lie inside */
    GPtrArray *registries; /* char *, image prefixes at a path border: "reg:5000/games" */

    /* What the file narrows.  An empty list, false and INT64_MAX leave it open. */
    GPtrArray *file_registries; /* char *; an image has to be in these, too */
    bool require_digest;        /* images by digest alone, never by a tag that can move */
    GPtrArray *name_prefixes;   /* char *, of container names */
    GArray *host_ports;         /* struct span */
    GPtrArray *networks;        /* char *, patterns of names: "zomboid-*" */
    GPtrArray *restart_policies; /* char *, Docker's words; "no" stands for "", too */
    struct limit memory_bytes;
    struct limit nano_cpus;
    struct limit pids;
    int64_t env_count_most;
    int64_t env_bytes_most;   /* of all names and values together */
    GPtrArray *env_forbidden; /* char *, patterns of names: "LD_*" */
    int64_t mounts_most;
    int64_t networks_most;
    GPtrArray
        *host_addresses; /* char *, that ports may be published on; "0.0.0.0": all */
    int64_t labels_count_most;
    int64_t labels_bytes_most;   /* of all names and values together */
    GPtrArray *labels_forbidden; /* char *, patterns of names: "traefik.*" */
    GPtrArray *save_commands;    /* char *, patterns of the words with blanks between */
    bool save_none;              /* nothing may be run inside before a stop */
    GPtrArray *actions;  /* char *, that this host takes; cancel and sync always */
    GPtrArray *users;    /* char *, patterns of whom a container runs as */
    bool users_not_root; /* it names its user, by a number that is not 0 */
    GPtrArray *mounters_ignored; /* char *, patterns of containers that hinder no purge */
    GPtrArray *adopt; /* char *, patterns of names of containers that may be adopted */
    bool adopt_none;  /* no container may be */

    /* What a container gets unless its spec narrows it further.  Absent from the file: as
     * policy_new() has it; nothing on the wire loosens it. */
    GPtrArray *capabilities; /* char *, all that its processes can ever have */
    bool new_privileges;     /* by setuid programs and the like */
    int64_t pids_given;      /* to a server that asks for no limit; 0: none */
    struct log_bound log_bytes;
    struct log_bound log_files;
    GPtrArray *log_drivers; /* char *; the engine's own, "", always may be */
    int64_t stop_timeout_most_s;
    int64_t save_timeout_most_s;
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

/* Counted, from any thread: a policy is not changed once it is in use, a new one takes its
 * place (SIGHUP), and who still judges by the old one holds it. */
/* Nothing is allowed, the file's part is open; containers get what policy_confines.c says. */
struct policy *policy_new(void);
const struct policy *policy_ref(const struct policy *policy);
void policy_unref(const struct policy *policy);
/* Error (G_IO_ERROR_INVALID_ARGUMENT) if a root is not a plain absolute path (a slash at its
 * end is cut off), or a registry is no prefix of an image's name, nor a repository with a
 * digest ("reg:5000/games/zomboid@sha256:…", which allows that one image). */
bool policy_add_data_root(struct policy *policy, const char *path, GError **error);
bool policy_add_registry(struct policy *policy, const char *prefix, GError **error);
/* The same into any list of registries. */
bool registries_add(GPtrArray *registries, const char *prefix, GError **error);

/* Absolute, and as short as it can be written: no "//", ".", "..", no slash at the end, no
 * control characters, at most 1,024 bytes; not "/". */
bool path_is_plain(const char *path);
bool text_has_control(const char *text);

/* Whether the command may be carried out here: its names, image, mounts, paths, ports,
 * networks, limits.  False: `ret_refusal` is CODE_FORBIDDEN (outside the policy) or
 * CODE_INVALID (contradicts itself: "..", relative paths, an empty container name, the same
 * port twice, a label of ours, a bad signal).  Its message begins with the rule's name:
 * "rule host_ports: …"; a rule of the file is called as the file's key. */
bool policy_allows(const struct policy *policy, const struct command *command,
                   struct refusal *ret_refusal);

/* Whether a container that bears this name, as the engine shows it, may become a server's.
 * False: `ret_refusal` is CODE_FORBIDDEN, "rule adopt: …" or "rule container_names: …". */
bool policy_allows_adopt(const struct policy *policy, const char *name,
                         struct refusal *ret_refusal);

/* Whether `name` is a capability that a container may be given: "NET_RAW". */
bool capability_is_known(const char *name);
/* What the engine gives a container of its own accord and this host does not: char *,
 * borrowed; g_ptr_array_unref() it. */
GPtrArray *policy_capabilities_missing(const struct policy *policy);
/* The bytes that an engine's log option tells ("10m"), or -1 if it tells none. */
int64_t log_size_parse(const char *text);

/* The data root that `path` lies in (not equal to it, not the worker's own part of it, and
 * holding no other root), or NULL, also for NULL; borrowed.  No file access. */
const char *policy_root_of(const struct policy *policy, const char *path);
/* Whether one of these registries allows the image; "busybox" is docker.io/library/busybox. */
bool registries_allow(const GPtrArray *registries, const struct reference *image);
/* "busybox:1" → "docker.io"; "reg:5000/games/x@sha256:…" → "reg:5000"; g_free it. */
char *image_host(const char *reference);

/* What is allowed, in whole sentences for people, a line each; g_free it. */
char *policy_text(const struct policy *policy);

typedef struct policy Policy;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policy, policy_unref)
