/*
 * masked.h - a command line that may stand in the log.
 *
 * Pure.  People give passwords as arguments; what a container was started with by other hands is
 * told so that a record can keep it, and a secret is no part of that.
 */
#pragma once

#include <glib.h>

#define MASK "***"

/* The words of a command line (char *), a copy in which the value of an argument that calls
 * itself a secret ("-adminpassword x", "--token=x") is MASK.  Owned by the caller. */
GPtrArray *masked_words(const GPtrArray *words);
