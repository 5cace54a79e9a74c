/*
 * inside.h - is what a spec says of the inside of its container fit to be asked for?
 *
 * Pure, and one grammar for both sides: the control plane asks before it sends, the host
 * before it acts.  Here is what could be right on no host; what a host allows is its policy's.
 */
#pragma once

#include "contract.h"

#define INSIDE_ENTRIES_MAX 64          /* tmpfs, ulimits, volumes, options of a log */
#define INSIDE_ARGS_MAX    (64 * 1024) /* bytes of an argv, each */

/* User, owner, argv, hostname, tmpfs, shm, ulimits, logging, health check and volumes, and
 * that no two things lie at one path of the container.  False: `*ret_wrong` is a sentence
 * that begins with the field ("tmpfs: …"); g_free it. */
bool inside_check(const struct spec *spec, char **ret_wrong);

/* The numbers of "1000:1000"; false, untouched, if it is none. */
bool inside_owner(const char *text, int64_t *ret_uid, int64_t *ret_gid);
/* The numbers of a user as images and containers have it ("1000", "1000:1000", "" for root);
 * a group that is not told in numbers is -1.  False, untouched, for a user's name. */
bool inside_user(const char *text, int64_t *ret_uid, int64_t *ret_gid);
