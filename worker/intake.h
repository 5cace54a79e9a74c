/*
 * intake.h - records of the bus become orders, or are refused where they stand.
 *
 * What cannot be decoded goes to the dead letters and gets a `rejected` result named by
 * partition and offset, and so does what lies where it does not count (another agent's,
 * another key, partition or topic); what is unknown or contradicts itself is `rejected` by
 * its command id.  The partition always moves on.
 */
#pragma once

#include "assignment.h"
#include "cancel.h"
#include "inventory.h"
#include "lane.h"
#include "publish.h"

struct intake {
    struct codec *codec;
    struct publisher *publisher;
    struct lanes *lanes;
    struct inventory *inventory;
    struct cancels *cancels;
    const struct author *author;
};

/* Takes note of one received record; `control`: of the control topic. */
void intake_record(struct intake *intake, struct partition *partition, bool control,
                   const struct bus_record *record, int64_t wall_ms);
