/*
 * limiter.h - how often somebody may: a bucket of so many, refilled at so many a second.
 *
 * Pure.  Each key (a client's address, a token's id) has its own bucket; keys whose bucket
 * is full again are forgotten, and no more than LIMITER_KEYS are known at a time.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#define LIMITER_KEYS 10000

struct limiter;

struct limiter *limiter_new(double burst, double per_second);
void limiter_free(struct limiter *limiter);

/* Takes one; how long to wait before it would be there, in ms, or 0: it is taken.
 * `now_us`: monotonic. */
int64_t limiter_take(struct limiter *limiter, const char *key, int64_t now_us);
/* The same, without taking it. */
int64_t limiter_look(struct limiter *limiter, const char *key, int64_t now_us);

typedef struct limiter Limiter;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Limiter, limiter_free)
