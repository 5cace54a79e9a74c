/*
 * footprint.c - resident memory, given back.
 */
#include "footprint.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>

#define ARENAS 2 /* the loop, and all the threads that mostly wait */

void footprint_limit(void)
{
    mallopt(M_ARENA_MAX, ARENAS);
}

/* Only what can be executed and not written: such pages are never dirty, so that dropping
 * them loses nothing (madvise(2), MADV_DONTNEED on a file mapping). */
static void drop_text(const char *line)
{
    uintptr_t from, to;
    char mode[5];
    char slash;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %c", &from, &to, mode,
               &slash) == 4 &&
        mode[0] == 'r' && mode[1] == '-' && mode[2] == 'x' && mode[3] == 'p' &&
        slash == '/')
        madvise((void *)from, to - from, MADV_DONTNEED);
}

void footprint_trim(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    malloc_trim(0);
    if (!maps)
        return;
    while (fgets(line, sizeof(line), maps))
        drop_text(line);
    fclose(maps);
}
