/*
 * publish.h - one FIFO into the log: events and what they mean for the offsets, committed
 * together.
 *
 * A *letter* is what has to go out at once: events of one partition, and the offsets that
 * these events begin or finish.  The next transaction starts when the last has returned and
 * takes all letters that wait; so they stay in order, and a transaction carries as many as
 * came while the one before ran.  Every transaction carries offsets: without them nothing
 * would fence a worker whose partitions are gone.
 *
 * A letter may have a last moment: a command that has expired does not begin, however long the
 * bus stood still after it was handed over.  Before each try, the first and all others, the
 * batch is made anew without the letters whose moment is over; so what is appended was right
 * when it was.
 *
 * Letters belong to an assignment.  When it ends, those not yet handed over are dropped:
 * their commands are not answered in the log, so the next owner answers them.
 */
#pragma once

#include "assignment.h"
#include "bus.h"
#include "codec.h"
#include "errand.h"

struct letter;
typedef void (*letter_sent)(void *owner);
typedef void (*letter_lapsed)(void *owner);

struct letter *letter_new(struct partition *partition);
/* Takes the event; `traceparent` may be NULL. */
void letter_add_event(struct letter *letter, struct event *event_taken,
                      const char *traceparent);
void letter_add_deadletter(struct letter *letter, const struct deadletter *deadletter,
                           struct codec *codec);
/* When it goes out, this record has begun (with a note), or is finished. */
void letter_begins(struct letter *letter, bool control, int64_t offset, const char *note);
void letter_finishes(struct letter *letter, bool control, int64_t offset);
/* It goes out before `expires_at`, by the log's clock, or not at all: then `lapsed` is called on
 * the loop, with the owner of letter_then(), and nothing of it is in the log. */
void letter_expires(struct letter *letter, int64_t expires_at, letter_lapsed lapsed);
/* Called on the loop once the letter is committed; not if it is dropped. */
void letter_then(struct letter *letter, letter_sent sent, void *owner);

struct publisher_setup {
    struct bus_sender *sender;
    struct codec *codec;
    struct errands *errands;
    const char *agent_id;
    int32_t events_partition;
};

struct publisher;
struct publisher *publisher_new(const struct publisher_setup *setup);
void publisher_free(struct publisher *publisher); /* not while publisher_is_busy() */

/* The assignment that letters belong to from now on, or NULL: none; letters that wait are
 * dropped. */
void publisher_assign(struct publisher *publisher, const struct assignment *assignment);
void publisher_add(struct publisher *publisher, struct letter *letter_taken);
/* Sends what waits, if nothing is on its way.  `now_ms` is host time, `log_ms` the log's. */
void publisher_advance(struct publisher *publisher, int64_t now_ms, int64_t log_ms);
int64_t publisher_wakes_at(const struct publisher *publisher);
bool publisher_is_busy(
    const struct publisher *publisher); /* a transaction is on its way */
bool publisher_is_idle(
    const struct publisher *publisher); /* nothing waits or is on its way */
/* The transaction has been running for that long; 0 if there is none. */
int64_t publisher_busy_ms(const struct publisher *publisher, int64_t now_ms);
/* For how long the batch that is to go has been tried; 0 if there is none. */
int64_t publisher_trying_ms(const struct publisher *publisher, int64_t now_ms);
/* For how long its assignment has been over for the bus while no notice has said so. */
int64_t publisher_stale_ms(const struct publisher *publisher, int64_t now_ms);
/* The process must end: fenced, or an outcome that nobody knows.  Borrowed; NULL: no. */
const GError *publisher_error(const struct publisher *publisher);
