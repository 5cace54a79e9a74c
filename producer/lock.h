/*
 * lock.h - who relays, who ingests, and how the others ring.
 *
 * Beside the ledger lie <ledger>.relay.lock and <ledger>.ingest.lock, held by flock(2) while
 * a process does that work, and <ledger>.bell, which is written to when there is something
 * to relay or somebody waits for the ledger to catch up.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct lock; /* held */

/* Tries once.  `*ret_lock` is NULL if another process holds it. */
bool lock_try(const char *ledger_path, const char *what, struct lock **ret_lock,
              GError **error);
void lock_release(struct lock *lock);

/* A file descriptor that becomes readable when somebody rings; -1 and an error. */
int bell_listen(const char *ledger_path, GError **error);
void bell_drain(int fd);
void bell_ring(const char *ledger_path); /* nobody listens: nothing happens */

typedef struct lock Lock;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lock, lock_release)
