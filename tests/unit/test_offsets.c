/*
 * test_offsets.c - the watermark, what is incomplete above it, and what had begun.
 *
 * The last tests play a partition's life at random against a model that remembers
 * everything: records with gaps, begun and finished in any order, owners that die and are
 * followed by others who know only what was committed.
 */
#include "offsets.h"

#include <gio/gio.h>
#include <string.h>

/* --- Small lives ------------------------------------------------------------------------- */

static void receive(struct offsets *offsets, int64_t offset, enum offsets_taken wanted,
                    const char *wanted_note)
{
    const char *note = NULL;

    g_assert_cmpint(offsets_expect(offsets, offset), ==, wanted);
    g_assert_cmpint(offsets_receive(offsets, offset, &note), ==, wanted);
    g_assert_cmpstr(note, ==, wanted_note);
}

static struct offsets *reloaded(const struct offsets *offsets)
{
    g_autofree char *metadata = offsets_metadata(offsets);
    g_autoptr(GError) error = NULL;
    struct offsets *next = offsets_load(offsets_watermark(offsets), metadata, &error);

    g_assert_no_error(error);
    return next;
}

static void nothing_received(void)
{
    g_autoptr(Offsets) offsets = offsets_new(7);
    g_autofree char *metadata = offsets_metadata(offsets);

    g_assert_cmpint(offsets_watermark(offsets), ==, 7);
    g_assert_cmpint(offsets_seen(offsets), ==, 7);
    g_assert_cmpint(offsets_known(offsets), ==, 7);
    g_assert_cmpuint(offsets_open(offsets), ==, 0);
    g_assert_cmpstr(metadata, ==, "");
    g_assert_false(offsets_full(offsets));
    offsets_free(NULL);
}

static void finished_in_another_order(void)
{
    g_autoptr(Offsets) offsets = offsets_new(0);

    for (int64_t offset = 0; offset < 4; offset++)
        receive(offsets, offset, OFFSETS_FRESH, NULL);
    offsets_finish(offsets, 1);
    offsets_finish(offsets, 2);
    g_assert_cmpint(offsets_watermark(offsets), ==, 0);
    offsets_finish(offsets, 0);
    g_assert_cmpint(offsets_watermark(offsets), ==, 3);
    g_assert_cmpuint(offsets_open(offsets), ==, 1);
    offsets_finish(offsets, 3);
    g_assert_cmpint(offsets_watermark(offsets), ==, 4);
    g_assert_cmpint(offsets_seen(offsets), ==, 4);
}

/* Transaction markers take offsets that nobody ever receives. */
static void l14_the_watermark_moves_over_gaps(void)
{
    g_autoptr(Offsets) offsets = offsets_new(0);

    receive(offsets, 3, OFFSETS_FRESH, NULL);
    g_assert_cmpint(offsets_watermark(offsets), ==, 3);
    receive(offsets, 10, OFFSETS_FRESH, NULL);
    receive(offsets, 1000000, OFFSETS_FRESH, NULL);
    offsets_finish(offsets, 3);
    g_assert_cmpint(offsets_watermark(offsets), ==, 10);
    offsets_finish(offsets, 10);
    offsets_finish(offsets, 1000000);
    g_assert_cmpint(offsets_watermark(offsets), ==, 1000001);
}

static void a_new_owner_runs_only_incompletes(void)
{
    g_autoptr(Offsets) first = offsets_new(5);

    for (int64_t offset = 5; offset < 12; offset++)
        receive(first, offset, OFFSETS_FRESH, NULL);
    offsets_begin(first, 6, "r 2026-11-22T22:02:52.473699331Z");
    offsets_begin(first, 9, "");
    offsets_finish(first, 5);
    offsets_finish(first, 7);
    offsets_finish(first, 10);

    g_autoptr(Offsets) next = reloaded(first);
    g_assert_cmpint(offsets_watermark(next), ==, 6);
    g_assert_cmpint(offsets_seen(next), ==, 6);
    g_assert_cmpint(offsets_known(next), ==, 12);
    g_assert_cmpuint(offsets_open(next), ==, 0);
    g_assert_cmpint(offsets_first_begun(next), ==, 6);
    receive(next, 6, OFFSETS_BEGUN, "r 2026-11-22T22:02:52.473699331Z");
    receive(next, 7, OFFSETS_DONE, NULL);
    receive(next, 8, OFFSETS_FRESH, NULL);
    receive(next, 9, OFFSETS_BEGUN, "");
    receive(next, 10, OFFSETS_DONE, NULL);
    g_assert_cmpint(offsets_seen(next), ==, 11);
    receive(next, 11, OFFSETS_FRESH, NULL);
    receive(next, 12, OFFSETS_FRESH, NULL);
    g_assert_cmpuint(offsets_open(next), ==, 5);
}

/* Whoever has committed that it had begun may be anybody. */
static void t4_what_has_not_begun_can_begin(void)
{
    g_autoptr(Offsets) first = offsets_new(5);

    receive(first, 5, OFFSETS_FRESH, NULL);
    receive(first, 6, OFFSETS_FRESH, NULL);
    g_assert_cmpint(offsets_first_begun(first), ==, -1);
    offsets_begin(first, 6, "forged");
    g_autoptr(Offsets) next = reloaded(first);
    g_assert_cmpint(offsets_first_begun(next), ==, 6);
    receive(next, 5, OFFSETS_FRESH, NULL);
    receive(next, 6, OFFSETS_BEGUN, "forged");
    offsets_unbegin(next, 6);
    g_assert_cmpint(offsets_first_begun(next), ==, -1);
    g_autoptr(Offsets) after = reloaded(next);
    receive(after, 5, OFFSETS_FRESH, NULL);
    receive(after, 6, OFFSETS_FRESH, NULL);
    g_assert_true(offsets_reserve(next, 6));
    offsets_begin(next, 6, "own");
    offsets_finish(next, 6);
    offsets_finish(next, 5);
    g_assert_cmpint(offsets_watermark(next), ==, 7);
}

/* An owner that dies before it has received all of it passes on what it was left. */
static void an_owner_that_hardly_lived_passes_it_on(void)
{
    g_autoptr(Offsets) first = offsets_new(0);

    for (int64_t offset = 0; offset < 6; offset++)
        receive(first, offset, OFFSETS_FRESH, NULL);
    offsets_begin(first, 4, "note");
    offsets_finish(first, 3);

    g_autoptr(Offsets) second = reloaded(first);
    receive(second, 0, OFFSETS_FRESH, NULL);
    offsets_finish(second, 0);
    g_autoptr(Offsets) third = reloaded(second);
    g_assert_cmpint(offsets_watermark(third), ==, 1);
    receive(third, 1, OFFSETS_FRESH, NULL);
    receive(third, 2, OFFSETS_FRESH, NULL);
    receive(third, 3, OFFSETS_DONE, NULL);
    receive(third, 4, OFFSETS_BEGUN, "note");
    receive(third, 5, OFFSETS_FRESH, NULL);
    receive(third, 6, OFFSETS_FRESH, NULL);
}

/* The last incomplete is finished before the done ones above it have come again. */
static void what_was_done_stays_done(void)
{
    g_autoptr(Offsets) first = offsets_new(0);

    for (int64_t offset = 0; offset < 6; offset++)
        receive(first, offset, OFFSETS_FRESH, NULL);
    for (int64_t offset = 1; offset < 6; offset++)
        offsets_finish(first, offset);

    g_autoptr(Offsets) second = reloaded(first);
    receive(second, 0, OFFSETS_FRESH, NULL);
    offsets_finish(second, 0);
    g_assert_cmpint(offsets_watermark(second), ==, 6);
    g_assert_cmpint(offsets_seen(second), ==, 1);
    receive(second, 3, OFFSETS_DONE, NULL);
    g_autoptr(Offsets) third = reloaded(second);
    receive(third, 3, OFFSETS_DONE, NULL);
    receive(third, 6, OFFSETS_FRESH, NULL);
}

/* Retention, or an aborted transaction that was seen: it is not delivered any more. */
static void l14_an_incomplete_that_is_gone_is_forgotten(void)
{
    g_autoptr(Offsets) first = offsets_new(0);

    for (int64_t offset = 0; offset < 6; offset++)
        receive(first, offset, OFFSETS_FRESH, NULL);
    offsets_begin(first, 1, "lost with it");

    g_autoptr(Offsets) next = reloaded(first);
    receive(next, 2, OFFSETS_FRESH, NULL);
    g_assert_cmpint(offsets_watermark(next), ==, 2);
    receive(next, 9, OFFSETS_FRESH, NULL);
    g_assert_cmpuint(offsets_open(next), ==, 2);
    offsets_finish(next, 2);
    g_assert_cmpint(offsets_watermark(next), ==, 9);
    offsets_finish(next, 9);
    g_assert_cmpint(offsets_watermark(next), ==, 10);
}

static void delivered_twice_is_taken_once(void)
{
    g_autoptr(Offsets) offsets = offsets_new(5);

    receive(offsets, 3, OFFSETS_DONE, NULL);
    receive(offsets, 5, OFFSETS_FRESH, NULL);
    receive(offsets, 5, OFFSETS_DONE, NULL);
    receive(offsets, 7, OFFSETS_FRESH, NULL);
    receive(offsets, 6, OFFSETS_DONE, NULL);
    g_assert_cmpuint(offsets_open(offsets), ==, 2);
}

static void a_note_can_be_changed(void)
{
    g_autoptr(Offsets) offsets = offsets_new(0);

    receive(offsets, 0, OFFSETS_FRESH, NULL);
    offsets_begin(offsets, 0, "a longer note");
    offsets_begin(offsets, 0, "a note");
    g_autoptr(Offsets) next = reloaded(offsets);
    receive(next, 0, OFFSETS_BEGUN, "a note");
    for (int i = 0; i < 1000; i++)
        offsets_begin(offsets, 0, "a longer note");
    g_assert_false(offsets_full(offsets));
}

/* --- Limits --------------------------------------------------------------------------------- */

static char *full_note(void)
{
    return g_strnfill(OFFSETS_NOTE_MAX, 'n');
}

static size_t length_of(const struct offsets *offsets)
{
    g_autofree char *metadata = offsets_metadata(offsets);

    return strlen(metadata);
}

/* Every other record is left open until it is full. */
static int64_t fill(struct offsets *offsets)
{
    int64_t offset = offsets_seen(offsets);

    while (!offsets_full(offsets)) {
        receive(offsets, offset, OFFSETS_FRESH, NULL);
        receive(offsets, offset + 1, OFFSETS_FRESH, NULL);
        offsets_finish(offsets, offset + 1);
        offset += 3;
    }
    return offset;
}

static void many_can_wait(void)
{
    g_autoptr(Offsets) offsets = offsets_new(1000000000000);

    fill(offsets);
    g_assert_cmpuint(offsets_open(offsets), >, 1400);
    g_assert_cmpuint(length_of(offsets), <=, OFFSETS_METADATA_MAX);
    g_assert_true(offsets_full(offsets));
    offsets_finish(offsets, offsets_watermark(offsets));
    g_assert_false(offsets_full(offsets));
}

static void with_many_waiting_some_can_be_begun(void)
{
    g_autoptr(Offsets) offsets = offsets_new(0);
    g_autofree char *note = full_note();
    int64_t offset = 0;
    unsigned begun = 0;

    fill(offsets);
    for (; offsets_reserve(offsets, offset); offset += 3) {
        g_assert_true(offsets_reserve(offsets, offset)); /* once is enough */
        begun++;
    }
    g_assert_cmpuint(begun, >=, OFFSETS_BEGUN_ROOM);
    for (unsigned i = 0; i < begun; i++)
        offsets_begin(offsets, 3 * i, note);
    g_assert_cmpuint(length_of(offsets), <=, OFFSETS_METADATA_HARD);
    g_assert_true(offsets_full(offsets));
    g_assert_true(offsets_reserve(offsets, 0)); /* begun: it has its room */
    offsets_finish(offsets, 0);
    g_assert_true(offsets_reserve(offsets, offset));
}

/* A reservation that is not used goes with its record. */
static void a_reservation_is_given_back(void)
{
    g_autoptr(Offsets) offsets = offsets_new(0);

    for (int64_t offset = 0; offset < 1000; offset++) {
        receive(offsets, offset, OFFSETS_FRESH, NULL);
        g_assert_true(offsets_reserve(offsets, offset));
        if (offset % 2 == 0)
            offsets_begin(offsets, offset, "");
        offsets_finish(offsets, offset);
    }
    g_assert_false(offsets_full(offsets));
}

/* What a full owner left must be receivable by the next one. */
static void a_new_owner_of_a_full_one_is_not_stuck(void)
{
    g_autoptr(Offsets) first = offsets_new(0);
    int64_t end = fill(first);
    g_autoptr(Offsets) next = reloaded(first);

    for (int64_t offset = 0; offset < end; offset += 3) {
        g_assert_false(offsets_full(next));
        receive(next, offset, OFFSETS_FRESH, NULL);
    }
    receive(next, end - 2, OFFSETS_DONE, NULL);
    g_assert_true(offsets_full(next));
    g_assert_cmpuint(offsets_open(next), ==, offsets_open(first));
}

static void distances_of_any_size(void)
{
    static const int64_t places[] = {
        0, 1, 64, 65, 8000, 8000000000, G_MAXINT64 / 2, G_MAXINT64 - 2, G_MAXINT64 - 1};
    g_autoptr(Offsets) offsets = offsets_new(0);

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        receive(offsets, places[i], OFFSETS_FRESH, NULL);
    g_autoptr(Offsets) next = reloaded(offsets);
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        receive(next, places[i], OFFSETS_FRESH, NULL);
    offsets_finish(next, 65);
    g_autoptr(Offsets) last = reloaded(next);
    receive(last, 64, OFFSETS_FRESH, NULL);
    receive(last, 65, OFFSETS_DONE, NULL);
}

/* --- Foreign metadata ------------------------------------------------------------------------ */

static void check_unreadable(int64_t watermark, const char *metadata)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(offsets_load(watermark, metadata, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void check_unreadable_bytes(int64_t watermark, const char *bytes, size_t length)
{
    g_autofree char *metadata = g_base64_encode((const guchar *)bytes, length);

    check_unreadable(watermark, metadata);
}

#define UNREADABLE(watermark, bytes) \
 check_unreadable_bytes(watermark, bytes, sizeof(bytes) - 1)

static void unreadable(void)
{
    check_unreadable(0, "not base64 at all");
    check_unreadable(0, "AQEA\n");
    check_unreadable(0, "AQEA=");
    check_unreadable(0, "====");
    check_unreadable(0, " ");
    UNREADABLE(0, "\x01");             /* nothing after the version */
    UNREADABLE(0, "\x02\x01\x00");     /* another version */
    UNREADABLE(0, "\x01\x01");         /* no incomplete */
    UNREADABLE(0, "\x01\x00\x00");     /* an incomplete beyond what was received */
    UNREADABLE(0, "\x01\x05\x02");     /* the first is not at the watermark */
    UNREADABLE(0, "\x01\x02\x00\x02"); /* the second is beyond */
    UNREADABLE(0, "\x01\x01\x00\x00"); /* one too many */
    UNREADABLE(0, "\x01\x01\x80");     /* cut off in a number */
    UNREADABLE(0, "\x01\x01\x80\x00"); /* longer than it need be */
    UNREADABLE(0, "\x01\x01\x01");     /* begun, without a note */
    UNREADABLE(0, "\x01\x01\x01\x05xy");
    UNREADABLE(0, "\x01\x01\x01\x02x\n");
    UNREADABLE(0, "\x01\x01\x01\x02\xc3\xa9");
    UNREADABLE(0, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00");
    UNREADABLE(0, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00");
    UNREADABLE(0, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00");
    UNREADABLE(G_MAXINT64, "\x01\x01\x00");
    g_autofree char *long_note = g_strnfill(4 + OFFSETS_NOTE_MAX + 1, 'A');
    memcpy(long_note, "\x01\x01\x01\x31", 4); /* 49 characters */
    check_unreadable_bytes(0, long_note, 4 + OFFSETS_NOTE_MAX + 1);
}

static void readable(void)
{
    g_autoptr(Offsets) nothing = offsets_load(9, NULL, NULL);
    g_autoptr(Offsets) empty = offsets_load(9, "", NULL);
    g_autoptr(Offsets)
        one = offsets_load(9, "AQEA", NULL); /* 1 received, the first open */

    receive(nothing, 9, OFFSETS_FRESH, NULL);
    receive(empty, 9, OFFSETS_FRESH, NULL);
    g_assert_cmpint(offsets_watermark(one), ==, 9);
    receive(one, 9, OFFSETS_FRESH, NULL);
    offsets_finish(one, 9);
    g_assert_cmpint(offsets_watermark(one), ==, 10);
}

/* --- Against a model ------------------------------------------------------------------------- */

#define RECORDS 400

enum life { LIFE_UNSEEN, LIFE_OPEN, LIFE_BEGUN, LIFE_DONE, LIFE_GONE };

struct record {
    int64_t offset;
    enum life life;
    enum life committed; /* what a new owner must be told */
    char note[OFFSETS_NOTE_MAX + 1];
    char committed_note[OFFSETS_NOTE_MAX + 1];
    bool here; /* received by the present owner */
};

struct world {
    struct record records[RECORDS];
    struct offsets *offsets;
    size_t next;       /* the first record that the present owner has not received */
    char *metadata;    /* as committed */
    int64_t watermark; /* as committed */
};

/* Records before this one have come, or will not come any more. */
static size_t model_passed(const struct world *world)
{
    size_t passed = RECORDS;

    while (passed > 0 && !world->records[passed - 1].here)
        passed--;
    return passed;
}

/* One that is gone is still waited for until a later one has come. */
static int64_t model_watermark(const struct world *world)
{
    size_t passed = model_passed(world);
    int64_t end = 0;

    for (size_t i = 0; i < RECORDS; i++) {
        const struct record *record = &world->records[i];
        if (record->life == LIFE_OPEN || record->life == LIFE_BEGUN ||
            (record->life == LIFE_GONE && i >= passed))
            return record->offset;
        if (record->life != LIFE_UNSEEN)
            end = record->offset + 1;
    }
    return end;
}

static unsigned model_open(const struct world *world)
{
    unsigned open = 0;

    for (size_t i = 0; i < RECORDS; i++)
        open += world->records[i].here && (world->records[i].life == LIFE_OPEN ||
                                           world->records[i].life == LIFE_BEGUN);
    return open;
}

static void make_world(struct world *world)
{
    int64_t offset = 0;

    memset(world, 0, sizeof *world);
    for (size_t i = 0; i < RECORDS; i++) {
        offset += g_test_rand_int_range(0, 4) ? 0 : g_test_rand_int_range(0, 300);
        world->records[i].offset = offset++;
    }
    world->offsets = offsets_new(0);
    world->metadata = g_strdup("");
}

static void world_receive(struct world *world)
{
    struct record *record = &world->records[world->next];
    const char *note = NULL;

    if (world->next >= RECORDS || offsets_full(world->offsets))
        return;
    world->next++;
    if (record->life == LIFE_GONE)
        return; /* retention has it: nobody receives it */
    enum offsets_taken expected = offsets_expect(world->offsets, record->offset);
    enum offsets_taken taken = offsets_receive(world->offsets, record->offset, &note);
    g_assert_cmpint(taken, ==, expected);
    if (record->life == LIFE_UNSEEN)
        record->life = LIFE_OPEN;
    record->here = true;
    g_assert_cmpint(taken, ==,
                    record->life == LIFE_DONE    ? OFFSETS_DONE
                    : record->life == LIFE_BEGUN ? OFFSETS_BEGUN
                                                 : OFFSETS_FRESH);
    g_assert_cmpstr(note, ==, record->life == LIFE_BEGUN ? record->note : NULL);
}

static struct record *world_pick(struct world *world)
{
    struct record *record = &world->records[g_test_rand_int_range(0, RECORDS)];
    bool open = record->life == LIFE_OPEN || record->life == LIFE_BEGUN;

    return record->here && open ? record : NULL;
}

static void world_begin(struct world *world)
{
    struct record *record = world_pick(world);

    if (record == NULL || !offsets_reserve(world->offsets, record->offset))
        return;
    memset(record->note, 'a' + g_test_rand_int_range(0, 26), OFFSETS_NOTE_MAX);
    record->note[g_test_rand_int_range(0, OFFSETS_NOTE_MAX + 1)] = '\0';
    record->life = LIFE_BEGUN;
    offsets_begin(world->offsets, record->offset, record->note);
}

static void world_finish(struct world *world)
{
    struct record *record = world_pick(world);

    if (record == NULL)
        return;
    record->life = LIFE_DONE;
    offsets_finish(world->offsets, record->offset);
}

static void world_commit(struct world *world)
{
    size_t passed = model_passed(world);

    g_free(world->metadata);
    world->metadata = offsets_metadata(world->offsets);
    world->watermark = offsets_watermark(world->offsets);
    g_assert_cmpuint(strlen(world->metadata), <=, OFFSETS_METADATA_HARD);
    for (size_t i = 0; i < RECORDS; i++) {
        struct record *record = &world->records[i];
        if (record->life == LIFE_GONE && i < passed)
            record->life = LIFE_DONE; /* forgotten, and now for good */
        record->committed = record->life;
        memcpy(record->committed_note, record->note, sizeof record->note);
    }
}

/* The owner dies.  What it did not commit has not happened; now and then retention takes the
 * oldest incomplete before the next one reads it. */
static void world_die(struct world *world)
{
    g_autoptr(GError) error = NULL;
    bool retention = g_test_rand_int_range(0, 3) == 0;

    offsets_free(world->offsets);
    world->offsets = offsets_load(world->watermark, world->metadata, &error);
    g_assert_no_error(error);
    world->next = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        struct record *record = &world->records[i];
        record->here = false;
        record->life = record->committed;
        memcpy(record->note, record->committed_note, sizeof record->note);
        if (record->offset < world->watermark)
            world->next = i + 1;
        else if (retention && record->life == LIFE_OPEN) {
            record->life = LIFE_GONE;
            retention = false;
        }
        record->committed = record->life;
    }
}

static void world_step(struct world *world)
{
    static void (*const steps[])(struct world *) = {world_receive, world_receive,
                                                    world_begin,   world_finish,
                                                    world_finish,  world_commit};

    steps[g_test_rand_int_range(0, G_N_ELEMENTS(steps))](world);
    if (g_test_rand_int_range(0, 100) == 0)
        world_die(world);
    g_assert_cmpuint(offsets_open(world->offsets), ==, model_open(world));
    g_assert_cmpint(offsets_watermark(world->offsets), ==, model_watermark(world));
}

/* To the end: every record is finished once, by somebody. */
static void world_end(struct world *world)
{
    while (world->next < RECORDS) {
        world_receive(world);
        for (size_t i = 0; i < RECORDS && offsets_full(world->offsets); i++) {
            struct record *record = &world->records[i];
            if (!record->here || record->life == LIFE_DONE)
                continue;
            record->life = LIFE_DONE;
            offsets_finish(world->offsets, record->offset);
        }
    }
    for (size_t i = 0; i < RECORDS; i++) {
        struct record *record = &world->records[i];
        if (record->here && (record->life == LIFE_OPEN || record->life == LIFE_BEGUN))
            offsets_finish(world->offsets, record->offset);
    }
    if (world->records[RECORDS - 1].life != LIFE_GONE) /* or it is waited for still */
        g_assert_cmpint(offsets_watermark(world->offsets), ==,
                        world->records[RECORDS - 1].offset + 1);
    g_assert_cmpuint(offsets_open(world->offsets), ==, 0);
}

static void l14_any_life_of_a_partition(void)
{
    for (int life = 0; life < (g_test_quick() ? 200 : 20000); life++) {
        struct world world;
        make_world(&world);
        for (int step = 0; step < 2500; step++)
            world_step(&world);
        world_end(&world);
        offsets_free(world.offsets);
        g_free(world.metadata);
    }
}

/* 3,000 open records are no more work than three. */
static void thousands_are_cheap(void)
{
    g_autoptr(Offsets) offsets = offsets_new(0);
    g_autoptr(GTimer) timer = g_timer_new();

    for (int64_t offset = 0; offset < 3000; offset++)
        receive(offsets, offset, OFFSETS_FRESH, NULL);
    for (int64_t offset = 3000; offset < 203000; offset++) {
        receive(offsets, offset, OFFSETS_FRESH, NULL);
        offsets_begin(offsets, offset - 1500, "");
        offsets_finish(offsets, offset - 1500);
        g_assert_true(offsets_full(offsets));
        g_assert_cmpint(offsets_watermark(offsets), ==, 0);
    }
    g_assert_cmpuint(offsets_open(offsets), ==, 3000);
    g_test_minimized_result(g_timer_elapsed(timer, NULL), "200,000 records: %.3f s",
                            g_timer_elapsed(timer, NULL));
    g_assert_cmpfloat(g_timer_elapsed(timer, NULL), <, 10);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"/offsets/nothing_received", nothing_received},
        {"/offsets/finished_in_another_order", finished_in_another_order},
        {"/offsets/l14_the_watermark_moves_over_gaps", l14_the_watermark_moves_over_gaps},
        {"/offsets/a_new_owner_runs_only_incompletes", a_new_owner_runs_only_incompletes},
        {"/offsets/t4_what_has_not_begun_can_begin", t4_what_has_not_begun_can_begin},
        {"/offsets/an_owner_that_hardly_lived_passes_it_on",
         an_owner_that_hardly_lived_passes_it_on},
        {"/offsets/what_was_done_stays_done", what_was_done_stays_done},
        {"/offsets/l14_an_incomplete_that_is_gone_is_forgotten",
         l14_an_incomplete_that_is_gone_is_forgotten},
        {"/offsets/delivered_twice_is_taken_once", delivered_twice_is_taken_once},
        {"/offsets/a_note_can_be_changed", a_note_can_be_changed},
        {"/offsets/many_can_wait", many_can_wait},
        {"/offsets/with_many_waiting_some_can_be_begun",
         with_many_waiting_some_can_be_begun},
        {"/offsets/a_reservation_is_given_back", a_reservation_is_given_back},
        {"/offsets/a_new_owner_of_a_full_one_is_not_stuck",
         a_new_owner_of_a_full_one_is_not_stuck},
        {"/offsets/distances_of_any_size", distances_of_any_size},
        {"/offsets/unreadable", unreadable},
        {"/offsets/readable", readable},
        {"/offsets/l14_any_life_of_a_partition", l14_any_life_of_a_partition},
        {"/offsets/thousands_are_cheap", thousands_are_cheap},
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].name, tests[i].run);
    return g_test_run();
}
