/*
 * tenant.c - a tenant who wants out: the only process of a container (test_tenant.py).
 *
 *     tenant OUTSIDE MOUNT...
 *
 * In each of his mounts he swaps a directory for a symlink that leads to OUTSIDE (a path of the
 * host), or up, or to the host's root, as fast as it goes without taking a CPU; he makes hard
 * links, setuid files, devices and names that only Muster uses.  How often he swapped stands in
 * MOUNT/swaps.  Whatever he is refused he goes on without.  If a mount ever shows what lies
 * outside he writes there, so that nobody can miss it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define TELL_EVERY 256

static void leave(int number)
{
    (void)number;
    _exit(0);
}

static void touch_what_is_outside(void)
{
    int file = open("canary", O_WRONLY | O_APPEND | O_NOFOLLOW);
    if (file >= 0) {
        (void)!write(file, "the tenant was here\n", 20);
        close(file);
    }
}

/* Once for each life. */
static void litter(const char *outside)
{
    (void)!mkdir("swap", 0755);
    (void)!mkdir("swap/inner", 0755);
    (void)!mkdir(".muster", 0777);
    (void)!symlink(outside, ".purge-00000000-0000-7000-8000-000000000000");
    (void)!symlink(outside, "outside");
    (void)!symlink("/proc/1/root", "root");
    (void)!mknod("disk", S_IFBLK | 0666, makedev(8, 0));
    (void)!mount("/", "swap", NULL, MS_BIND, NULL);
    int file = open("setuid", O_WRONLY | O_CREAT, 0755);
    if (file >= 0) {
        (void)!fchmod(file, 04755);
        close(file);
    }
    (void)!link("setuid", "hard");
    (void)!link("/etc/passwd", "passwd");
}

static bool swap(unsigned round, const char *outside)
{
    const char *const targets[] = {outside, "/", "..", "../../..", "/proc/1/root", "."};

    (void)!unlink("link");
    if (symlink(targets[round % (sizeof targets / sizeof *targets)], "link") != 0)
        return false;
    if (renameat2(AT_FDCWD, "swap", AT_FDCWD, "link", RENAME_EXCHANGE) != 0)
        return false;
    (void)!link("hard", "swap/hard"); /* through the symlink, if it leads anywhere */
    return renameat2(AT_FDCWD, "swap", AT_FDCWD, "link", RENAME_EXCHANGE) == 0;
}

static void tell(unsigned long swaps)
{
    FILE *file = fopen("swaps", "w");
    if (file) {
        fprintf(file, "%lu\n", swaps);
        fclose(file);
    }
}

int main(int argc, char **argv)
{
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    unsigned long swaps = 0;

    if (getpid() != 1) {
        fputs("tenant: only as the first process of a container\n", stderr);
        return 2;
    }
    signal(SIGTERM, leave);
    for (int i = 2; i < argc; i++) {
        if (chdir(argv[i]) == 0)
            litter(argv[1]);
    }
    for (unsigned round = 0;; round++) {
        for (int i = 2; i < argc; i++) {
            if (chdir(argv[i]) != 0)
                continue;
            touch_what_is_outside();
            swaps += swap(round, argv[1]) ? 2 : 0;
            if (round % TELL_EVERY == 0)
                tell(swaps);
        }
        nanosleep(&pause, NULL);
    }
}
