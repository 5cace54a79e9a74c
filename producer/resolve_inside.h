/*
 * resolve_inside.h - what a profile says of the inside of its container.
 *
 * Pure.  Who runs in it and what, its limits, its log, its health, what lies in memory and
 * in volumes; whether all of that can be asked for is inside.h's.
 */
#pragma once

#include "fill.h"

bool resolve_inside(const struct filling *at, GError **error);
