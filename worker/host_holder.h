/*
 * host_holder.h - who holds a lock: for host_lock.c alone.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define HOLDER_NAME 64

struct holder {
    int64_t pid; /* 0: the kernel does not show it: it is in another pid namespace */
    uint64_t starttime; /* clock ticks after boot, field 22 of /proc/PID/stat */
    int64_t uid;        /* effective */
    uint64_t waits; /* how often its first thread, the loop's, has waited; 0: not known */
    uint64_t device, inode; /* of the lock's file, as /proc/locks has them */
    char name[HOLDER_NAME];
};

uint64_t holder_starttime(int64_t pid);
/* Who holds the flock on an open file, as the kernel says; all 0 if it does not. */
void holder_find(int file, struct holder *ret_holder);
/* The same process, which has given no sign of life in between. */
bool holder_equal(const struct holder *a, const struct holder *b);
bool holder_is_self(const struct holder *holder);
/* Kills it if it still holds the lock, and is this program under our own user; `ret_killed`:
 * whether it came to that.  False: it is not to be killed. */
bool holder_kill(const struct holder *holder, bool *ret_killed);
/* "the process 12 (\"flock\", uid 0)"; g_free it. */
char *holder_describe(const struct holder *holder);
