/*
 * intake.h - records of the bus become orders, or are refused where they stand.
 *
 * What cannot be decoded goes to the dead letters and gets a `rejected` result named by
 * partition and offset, and so does what lies where it does not count (another agent's,
 * another key, partition or topic); what is unknown or contradicts itself is `rejected` by
 * its command id.  A command id that was there before ends silently.  The partition always
 * moves on.
 */
#pragma once

#include "assignment.h"
#include "cancel.h"
#include "inventory.h"
#include "lane.h"
#include "publish.h"

struct intake {
    struct repeats_setup repeats;
    struct codec *codec;
    struct publisher *publisher;
    struct lanes *lanes;
    struct inventory *inventory;
    struct cancels *cancels;
    const struct author *author;
};

/* Takes note of one received record, now or once it is known what it is (repeats.h); `control`:
 * of the control topic. */
void intake_record(struct intake *intake, struct partition *partition, bool control,
                   struct bus_record *record_taken, int64_t wall_ms);
/* The first of those that were held, if it is known by now; whether it was taken. */
bool intake_release(struct intake *intake, struct partition *partition, bool control,
                    int64_t wall_ms);
/* No more should be received: too many are held. */
bool intake_is_full(const struct partition *partition, bool control);
