/*
 * fuzz_offsets.c - any metadata that a group may have committed, and any life after it.
 *
 * Input: a line of metadata, as committed at offset 1000; then bytes that each receive,
 * begin or finish something, or hand over to a new owner.  Metadata that is readable is
 * written again as it was; whatever was done stays so; nothing is run twice.
 *
 * A seed corpus lies in corpus/offsets.
 */
#include "offsets.h"

#include <string.h>

#define START    1000
#define OPEN_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct life {
    struct offsets *offsets;
    int64_t next;
    int64_t open[OPEN_MAX];
    size_t n_open;
};

static void life_receive(struct life *life, int64_t gap)
{
    const char *note = NULL;

    if (life->n_open == OPEN_MAX || life->next > G_MAXINT64 / 2)
        return;
    int64_t offset = life->next + gap;
    enum offsets_taken taken = offsets_receive(life->offsets, offset, &note);
    g_assert((taken == OFFSETS_BEGUN) == (note != NULL));
    if (taken != OFFSETS_DONE)
        life->open[life->n_open++] = offset;
    life->next = offset + 1;
}

static void life_begin(struct life *life, size_t which)
{
    static const char text[OFFSETS_NOTE_MAX + 1] = "01234567890123456789012345678901";

    if (life->n_open == 0 ||
        !offsets_reserve(life->offsets, life->open[which % life->n_open]))
        return;
    offsets_begin(life->offsets, life->open[which % life->n_open],
                  text + which % sizeof text);
}

static void life_finish(struct life *life, size_t which)
{
    if (life->n_open == 0)
        return;
    int64_t *open = &life->open[which % life->n_open];
    offsets_finish(life->offsets, *open);
    life->n_open--;
    *open = life->open[life->n_open];
}

/* The next owner is told the same, and reads from the watermark on. */
static void life_hand_over(struct life *life, size_t which)
{
    g_autofree char *metadata = offsets_metadata(life->offsets);
    int64_t watermark = offsets_watermark(life->offsets);
    g_autoptr(Offsets) next = offsets_load(watermark, metadata, NULL);
    g_assert(next);
    g_autofree char *again = offsets_metadata(next);

    g_assert(g_str_equal(metadata, again));
    g_assert(offsets_watermark(next) == watermark && offsets_open(next) == 0);
    if (which % 2 == 0)
        return; /* it was only looked at */
    offsets_free(life->offsets);
    life->offsets = g_steal_pointer(&next);
    life->next = watermark;
    life->n_open = 0;
}

static void life_step(struct life *life, uint8_t byte)
{
    int64_t before = offsets_watermark(life->offsets);
    size_t which = byte >> 2;

    switch (byte & 3) {
    case 0:
        life_receive(life, (int64_t)(which * which * which));
        break;
    case 1:
        life_begin(life, which);
        break;
    case 2:
        life_finish(life, which);
        break;
    case 3:
        life_hand_over(life, which);
        break;
    default:
        g_assert_not_reached();
    }
    g_assert(offsets_watermark(life->offsets) >= before);
    g_assert(offsets_open(life->offsets) == life->n_open);
    g_assert(life->n_open == 0 || offsets_watermark(life->offsets) <= life->open[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t length = end ? (size_t)(end - data) : size;
    g_autofree char *metadata = g_strndup((const char *)data, length);
    struct life life = {.offsets = offsets_load(START, metadata, NULL), .next = START};

    if (life.offsets) {
        g_autofree char *again = offsets_metadata(life.offsets);
        g_assert(g_str_equal(again, metadata));
        for (size_t i = length + 1; i < size; i++)
            life_step(&life, data[i]);
    }
    offsets_free(life.offsets);
    return 0;
}
