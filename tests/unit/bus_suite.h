/*
 * bus_suite.h - what the tests of a bus have in common: unique names, senders, readers,
 * members of a group that behave, and child processes that can be stopped and killed.
 *
 * Nothing here knows which bus it runs on.  Every wait has a generous end
 * (PATIENCE_MS), and running into it fails the test; no test asserts how long something
 * took.
 */
#pragma once

#include "bus.h"

#define PATIENCE_MS 90000

/* --- Where a test runs -------------------------------------------------------------- */

struct place {
    char *label; /* "sqlite", "kafka" */
    char *url;
    GPtrArray *properties;
    char *run;      /* unique, part of every name */
    unsigned names; /* given out so far */
};
struct bus *place_open(const struct place *place);
char *place_name(struct place *place, const char *noun);
/* Makes a topic under a name of its own; g_free it. */
char *place_topic(struct place *place, struct bus *bus, const char *noun,
                  int32_t partitions);

int64_t suite_deadline(void);
/* Fails the test when the deadline is over. */
void suite_patience(int64_t deadline, const char *what);

/* --- In and out --------------------------------------------------------------------- */

struct bus_sender *suite_sender(struct bus *bus, const char *name);
void suite_add(struct bus_batch *batch, const char *topic, int32_t partition,
               const char *key, const char *value);
/* One record in a transaction of its own. */
void suite_send(struct bus_sender *sender, const char *topic, int32_t partition,
                const char *key, const char *value);
struct bus_reader *suite_reader(struct bus *bus, const char *topic, int32_t partition,
                                int64_t offset);
/* Waits for a record; fails if none comes. */
struct bus_record *suite_next(struct bus_reader *reader);
/* Everything committed in the topic, partition by partition: struct bus_record. */
GPtrArray *suite_read_all(struct bus *bus, const char *topic, int32_t partitions);
char *suite_value(const struct bus_record *record); /* as text; g_free it */

/* --- A member of a group ------------------------------------------------------------ */

/* Answers every notice as it should, unless told to be stubborn. */
struct member {
    struct bus *bus; /* borrowed */
    struct bus_consumer *consumer;
    GPtrArray *share;                  /* struct bus_partition; NULL while it has none */
    struct bus_membership *membership; /* of the share */
    GPtrArray *range;                  /* partitions of the last RANGE notice, or NULL */
    bool is_stubborn;                  /* does not release */
    bool is_revoked;                   /* was told, and has not released */
    unsigned assigned, revoked, lost;  /* notices so far */
    GError *error;                     /* that ended it */
};
struct member *member_join(struct bus *bus, const char *group, const char *instance,
                           const char *first_topic, const char *second_topic);
void member_free(struct member *member);
typedef struct member Member;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Member, member_free)
/* All notices that are there. */
void member_notices(struct member *member);
/* Waits a little for something to come, then takes the notices. */
void member_turn(struct member *member);
void member_release(struct member *member);
/* Turns all given until this one has a share of so many partitions. */
void members_settle(struct member *const *members, size_t count, guint partitions);
/* Turns the member until a record of that topic is there. */
struct bus_record *member_record(struct member *member, unsigned topic_index);
bool member_has(const struct member *member, const char *topic, int32_t partition);
/* The committed position, on this member's consumer; bus_position_free() it. */
struct bus_position *member_committed(struct member *member, const char *topic,
                                      int32_t partition);
/* A batch of the member's current assignment. */
struct bus_batch *member_batch(struct member *member, const char *group);
void suite_position(struct bus_batch *batch, const char *topic, int32_t partition,
                    int64_t offset, const char *metadata);

/* --- Other processes ---------------------------------------------------------------- */

/* This program again, in a role (main() knows them); it dies with us. */
struct child {
    GPid pid; /* 0: it has ended, and was waited for */
    int output;
};
struct child *child_start(const struct place *place, const char *role,
                          ...) G_GNUC_NULL_TERMINATED;
void child_kill(struct child *child); /* SIGKILL, waited for, freed; NULL is fine */
typedef struct child Child;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Child, child_kill)
bool child_has_ended(struct child *child); /* by itself */
/* Reads its lines until this one has come. */
void child_expect(struct child *child, const char *line);
/* Waits until it has stopped itself. */
void child_wait_stopped(struct child *child);
