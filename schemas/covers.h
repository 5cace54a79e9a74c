/*
 * covers.h - does an older schema say all that a value has to say?
 *
 * Pure.  What is written with the oldest such schema is read by the oldest reader, and a
 * reader of today gets the very same struct from it: what the writer lacks has its default
 * (x_new()), and is left out only where it has that.
 */
#pragma once

#include "bind.h"

/* `value` is a struct of the shape that `bound` was made for. */
bool covers(const struct bound *bound, const void *value);
