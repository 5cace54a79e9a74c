/*
 * cores.c - no core dump of a program that holds env values and credentials.
 *
 * Not by PR_SET_DUMPABLE: the files of /proc/PID would be root's then, and a worker that is not
 * root could not look whether it is a worker that holds a lock.
 */
#include "cores.h"

#include <glib.h>
#include <sys/resource.h>

/* Of 1 byte, not of 0: no core file is that small, and where core_pattern is a pipe, this is
 * the one limit that the kernel heeds (do_coredump() of fs/coredump.c; to a limit of 0 the
 * program behind the pipe is run all the same). */
#define CORE_BYTES 1

void cores_off(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) != 0)
        return;
    limit.rlim_max = MIN(limit.rlim_max, CORE_BYTES);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit); /* lowering is allowed to everybody */
}
