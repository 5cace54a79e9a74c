/*
 * footprint.c - resident memory, given back.
 */
#include "footprint.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#define ARENAS 2 /* the loop, and all the threads that mostly wait */
#define BIG_BYTES \
 (64 * 1024) /* lists, fetched batches: in pages of their own, not between
                               * small things that stay */

/* What a mapping of a file holds, as /proc/self/smaps tells. */
struct mapping {
    uintptr_t from, to;
    bool read_only;
};

void footprint_limit(void)
{
    mallopt(M_ARENA_MAX, ARENAS);
    mallopt(M_MMAP_THRESHOLD, BIG_BYTES); /* fixed: by itself it follows what was freed */
}

static bool begin_mapping(const char *line, struct mapping *mapping)
{
    uintptr_t from, to;
    char mode[5], slash = '\0';
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %c", &from, &to, mode,
               &slash) < 3)
        return false;
    *mapping = (struct mapping){
        .from = from,
        .to = to,
        .read_only = mode[0] == 'r' && mode[1] == '-' && mode[3] == 'p' && slash == '/',
    };
    return true;
}

/* Code and constants: nobody can write there, and not a page is a copy of our own (such as
 * those that the loader has relocated).  So dropping them loses nothing, and what is used
 * again comes from the page cache (madvise(2), MADV_DONTNEED on a file mapping). */
static void drop_unless_copied(const struct mapping *mapping, const char *line)
{
    unsigned long copied_kib;
    if (mapping->read_only && sscanf(line, "Anonymous: %lu kB", &copied_kib) == 1 &&
        copied_kib == 0)
        madvise((void *)mapping->from, mapping->to - mapping->from, MADV_DONTNEED);
}

void footprint_trim(void)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    struct mapping mapping = {0};
    char line[512];
    malloc_trim(0);
    if (!smaps)
        return;
    while (fgets(line, sizeof(line), smaps))
        if (!begin_mapping(line, &mapping))
            drop_unless_copied(&mapping, line);
    fclose(smaps);
}
