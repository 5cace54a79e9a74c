/*
 * host.h - directories and locks of the host.  Everything here may block: it runs on a
 * thread (errand.h), never on the loop.
 *
 * Paths are resolved beneath a data root with openat2(RESOLVE_BENEATH |
 * RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS), Linux 5.6, so that no symlink and no ".."
 * leads out.
 */
#pragma once

#include "contract.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes the missing directories of `path` (absolute, inside `root`): mode 0755, and 0700 those
 * above it, so that no local user gets through to what a server keeps there.  Already there is
 * fine, and stays as it is.  Errors: G_IO_ERROR, with the path and what would be right. */
bool host_make_directory(const char *root, const char *path, GError **error);

/* Why what servers write beneath `root` is within the reach of the host's local users: a
 * sentence with what would be right; g_free it.  NULL: it is not, or that cannot be seen. */
char *host_exposed(const char *root);

/* Who is to be able to write a directory. */
struct host_owner {
    int64_t uid;      /* -1: not known, it is a name of the image's */
    int64_t gid;      /* -1: not known */
    const char *name; /* of the user, as the container has it */
};

/* Gives `path` (inside `root`) to its owner if it is as the worker makes them: empty, and the
 * worker's own.  What has content, or is somebody else's, is left as it is.  NULL, or a
 * sentence why its owner may not be able to write there; g_free it. */
char *host_give_directory(const char *root, const char *path,
                          const struct host_owner *to);

/* Whether the directory is there and has anything in it.  A tree of empty directories
 * counts as NO: the worker itself makes those; `*ret_empty` is then set.  "" or NULL, no root, no permission, or
 * something else of that name: MAYBE_UNKNOWN. */
enum maybe host_data_exists(const char *root, const char *path, bool *ret_empty);

/* Names of the directories directly under a data root, those beginning with "." left out;
 * char *, sorted, at most `most`.  NULL with an error if it cannot be read. */
GPtrArray *host_list_data(const char *root, unsigned most, GError **error);

/* Whether host_purge() could begin: `path` is a plain directory inside `root` that can be
 * taken out of its parent and emptied (its disk is writable), or is not there. */
bool host_can_purge(const char *root, const char *path, GError **error);

/* Removes the directory `path` (inside `root`) with all that is in it, however deep: renamed
 * to ".purge-<command>" beside itself first, then emptied through its descriptor; symlinks
 * are removed, not followed, and mount points are not entered.  An interrupted purge of the
 * same command is finished.  Nothing there is fine: `*ret_there` tells. */
bool host_purge(const char *root, const char *path, const char *command_id,
                bool *ret_there, GError **error);
/* Where that command's purge of `path` puts it; g_free it. */
char *host_purge_name(const char *path, const char *command_id);
/* Finishes what an earlier purge has put there.  Nothing there is fine. */
bool host_finish_purge(const char *root, const char *purged, bool *ret_there,
                       GError **error);

/* An flock on a file `name` (no "/", not beginning with ".") under `<root>/.muster/`, which is
 * ours alone (0700), made once and never unlinked, holding "pid starttime pidns" of its owner
 * for people.  The lock ends with the process or with host_unlock().  G_IO_ERROR_PERMISSION_DENIED
 * and others if somebody else has put something there, or could. */
struct host_lock;
/* NULL without an error: somebody else has it. */
struct host_lock *host_try_lock(const char *root, const char *name, GError **error);
/* Waits for it, and tells once that it does.  A holder that is busy is waited for; one whose
 * loop has not gone round for `kill_after_ms` counts as stalled and is sent SIGKILL: if the
 * kernel says that it holds the lock, and it is this program under our user and not ourselves;
 * the wait then goes on.  Another one that shows no sign of life is left alone: NULL with
 * G_IO_ERROR_BUSY.  A new holder has its own `kill_after_ms`.  `*cancel` (atomic) set to true
 * ends the wait: NULL with G_IO_ERROR_CANCELLED. */
struct host_lock *host_wait_lock(const char *root, const char *name,
                                 int64_t kill_after_ms, const int *cancel,
                                 GError **error);
void host_unlock(struct host_lock *lock);
