/*
 * host_mark.c - whose a data directory is: files that a GKeyFile reads.
 */
#include "host_mark.h"

#include "host_beneath.h"
#include "host_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OURS      ".muster"
#define MARKS     "marks"
#define GROUP     "mark"
#define SUFFIX    ".mark"
#define BYTES_MAX (64 * 1024)

typedef DIR MarksListed;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MarksListed, closedir)

/* --- What a directory is --------------------------------------------------------------- */

struct being {
    uint64_t device;
    uint64_t inode;
    uint64_t
        born; /* ns; 0: the filesystem does not know.  An inode number is used again. */
};

/* By its path beneath the root, no symlink followed; false with errno. */
static bool being_of(const char *root, const char *path, struct being *ret_being)
{
    g_auto(GStrv) names = beneath_split(root, path, NULL);
    g_autofree char *below = names && *names ? g_strjoinv("/", names) : NULL;
    g_auto(Descriptor) top = below ? beneath_open_root(root, NULL) : -1;
    g_auto(Descriptor) at = top < 0 ? -1
                                    : beneath_open(top, below, O_PATH | O_DIRECTORY, 0);
    struct statx status;

    if (!below)
        errno = EINVAL;
    if (at < 0 || statx(at, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
        return false;
    *ret_being = (struct being){
        .device = makedev(status.stx_dev_major, status.stx_dev_minor),
        .inode = status.stx_ino,
        .born = status.stx_mask & STATX_BTIME
                    ? (uint64_t)status.stx_btime.tv_sec * 1000000000 +
                          status.stx_btime.tv_nsec
                    : 0,
    };
    return true;
}

static bool being_equal(const struct being *a, const struct being *b)
{
    return a->device == b->device && a->inode == b->inode &&
           (a->born == b->born || a->born == 0 || b->born == 0);
}

/* --- Files ------------------------------------------------------------------------------ */

static char *file_name(const char *server, const char *suffix)
{
    return g_strconcat(server, suffix, NULL);
}

static int open_marks(const char *root, bool make, GError **error)
{
    g_autofree char *ours = g_build_filename(root, OURS, NULL);
    g_autofree char *path = g_build_filename(ours, MARKS, NULL);
    g_auto(Descriptor) top = beneath_open_root(root, error);
    g_auto(Descriptor) at = top < 0 ? -1
                                    : beneath_open_private(top, OURS, make, ours, error);

    return at < 0 ? -1 : beneath_open_private(at, MARKS, make, path, error);
}

/* Only what a worker has written there: a plain file, one name, our own user's. */
static GKeyFile *read_mark(int marks, const char *name)
{
    g_auto(Descriptor) file = beneath_open(marks, name, O_RDONLY | O_NOFOLLOW, 0);
    g_autoptr(GKeyFile) read = g_key_file_new();
    g_autofree char *text = NULL;
    struct stat status;

    if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_nlink != 1 || status.st_uid != geteuid() || status.st_size <= 0 ||
        status.st_size > BYTES_MAX)
        return NULL;
    text = g_malloc((gsize)status.st_size);
    if (pread(file, text, (size_t)status.st_size, 0) != status.st_size ||
        !g_key_file_load_from_data(read, text, (gsize)status.st_size, G_KEY_FILE_NONE,
                                   NULL))
        return NULL;
    return g_steal_pointer(&read);
}

static GKeyFile *read_mark_of(int marks, const char *server)
{
    g_autofree char *name = file_name(server, SUFFIX);

    return read_mark(marks, name);
}

static bool write_text(int file, const char *text, gsize length)
{
    while (length > 0) {
        const ssize_t written = write(file, text, length);
        if (written < 0)
            return false;
        text += written;
        length -= (gsize)written;
    }
    return fdatasync(file) == 0;
}

/* Whole or not at all. */
static bool write_mark(int marks, const char *server, GKeyFile *mark, GError **error)
{
    g_autofree char *name = file_name(server, SUFFIX);
    g_autofree char *new_name = file_name(server, ".new");
    gsize length;
    g_autofree char *text = g_key_file_to_data(mark, &length, NULL);
    g_auto(Descriptor) file = -1;

    unlinkat(marks, new_name, 0);
    file = beneath_open(marks, new_name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file >= 0 && write_text(file, text, length) &&
        renameat(marks, new_name, marks, name) == 0)
        return true;
    beneath_set_error(error, errno, "write the mark", name);
    unlinkat(marks, new_name, 0);
    return false;
}

/* --- Marks ------------------------------------------------------------------------------ */

static bool says(GKeyFile *mark, const char *key, const char *text)
{
    g_autofree char *said = g_key_file_get_string(mark, GROUP, key, NULL);

    return g_strcmp0(said, text) == 0;
}

static struct being being_in(GKeyFile *mark)
{
    return (struct being){
        .device = g_key_file_get_uint64(mark, GROUP, "device", NULL),
        .inode = g_key_file_get_uint64(mark, GROUP, "inode", NULL),
        .born = g_key_file_get_uint64(mark, GROUP, "born", NULL),
    };
}

static bool is_owners(GKeyFile *mark, const struct owner_name *owner)
{
    return says(mark, "agent", owner->agent) && says(mark, "server", owner->server);
}

static GKeyFile *own_mark(int marks, const struct owner_name *owner)
{
    GKeyFile *mark = marks < 0 ? NULL : read_mark_of(marks, owner->server);

    if (mark && is_owners(mark, owner))
        return mark;
    g_clear_pointer(&mark, g_key_file_unref);
    return NULL;
}

enum mark mark_judge(const char *root, const struct owner_name *owner, const char *path)
{
    g_auto(Descriptor) marks = open_marks(root, false, NULL);
    g_autoptr(GKeyFile) mark = own_mark(marks, owner);
    struct being now, then;

    if (!being_of(root, path, &now))
        return errno == ENOENT ? MARK_NO_DATA : MARK_NONE;
    if (!mark || !g_key_file_has_key(mark, GROUP, "inode", NULL))
        return MARK_NONE;
    then = being_in(mark);
    return being_equal(&now, &then) ? MARK_FITS : MARK_ELSEWHERE;
}

static GKeyFile *mark_new(const struct owner_name *owner)
{
    GKeyFile *mark = g_key_file_new();

    g_key_file_set_string(mark, GROUP, "agent", owner->agent);
    g_key_file_set_string(mark, GROUP, "server", owner->server);
    return mark;
}

/* The file is named by the server alone. */
static bool is_anothers(const char *root, int marks, const struct owner_name *owner,
                        GError **error)
{
    g_autoptr(GKeyFile) mark = read_mark_of(marks, owner->server);

    if (!mark || !says(mark, "server", owner->server))
        return false;
    g_autofree char *agent = g_key_file_get_string(mark, GROUP, "agent", NULL);
    g_set_error(
        error, G_IO_ERROR, G_IO_ERROR_EXISTS,
        "a server of the agent %s has the same id, %s, and its data here; if that "
        "agent is no more, its file in %s/.muster/marks can be removed",
        agent ? agent : "?", owner->server, root);
    return true;
}

/* Changes the server's mark: the one that is there, or a new one. */
static bool change_mark(const char *root, const struct owner_name *owner,
                        void (*change)(GKeyFile *mark, const void *data),
                        const void *data, GError **error)
{
    g_auto(Descriptor) marks = open_marks(root, true, error);
    g_autoptr(GKeyFile) mark = own_mark(marks, owner);

    if (marks < 0)
        return false;
    if (!mark && is_anothers(root, marks, owner, error))
        return false;
    if (!mark)
        mark = mark_new(owner);
    change(mark, data);
    return write_mark(marks, owner->server, mark, error);
}

struct marked {
    const char *path;
    struct being being;
};

static void set_being(GKeyFile *mark, const void *data)
{
    const struct marked *marked = data;

    g_key_file_set_string(mark, GROUP, "path", marked->path);
    g_key_file_set_uint64(mark, GROUP, "device", marked->being.device);
    g_key_file_set_uint64(mark, GROUP, "inode", marked->being.inode);
    g_key_file_set_uint64(mark, GROUP, "born", marked->being.born);
}

bool mark_make(const char *root, const struct owner_name *owner, const char *path,
               GError **error)
{
    struct marked marked = {.path = path};

    if (mark_judge(root, owner, path) == MARK_FITS)
        return true;
    if (!being_of(root, path, &marked.being)) {
        beneath_set_error(error, errno, "mark", path);
        return false;
    }
    return change_mark(root, owner, set_being, &marked, error);
}

/* --- Others ------------------------------------------------------------------------------ */

/* "server S of agent A (PATH)", if its directory still is what was marked, and lies so. */
static char *told_if_near(const char *root, GKeyFile *mark, struct places *places,
                          const struct place *place, bool around)
{
    g_autofree char *path = g_key_file_get_string(mark, GROUP, "path", NULL);
    const struct being then = being_in(mark);
    struct being now;

    if (!path || !being_of(root, path, &now) || !being_equal(&now, &then))
        return NULL;
    const enum lies lies = place_lies(places_look(places, path), place);
    if (lies == LIES_APART || (lies == LIES_AROUND && !around))
        return NULL;
    g_autofree char *agent = g_key_file_get_string(mark, GROUP, "agent", NULL);
    g_autofree char *server = g_key_file_get_string(mark, GROUP, "server", NULL);
    return g_strdup_printf("server %s of agent %s (%s)", server ? server : "?",
                           agent ? agent : "?", path);
}

char *mark_of_another(const char *root, const struct owner_name *owner, const char *path,
                      bool around)
{
    g_auto(Descriptor) marks = open_marks(root, false, NULL);
    g_autoptr(MarksListed) listed = marks < 0 ? NULL : fdopendir(marks);
    g_autoptr(Places) places = places_new();
    const struct place *place = places_look(places, path);
    char *told = NULL;
    const struct dirent *entry;

    if (!listed)
        return NULL;
    const int directory = marks;
    marks = -1; /* closedir() closes it */
    while (!told && (entry = readdir(listed))) {
        if (!g_str_has_suffix(entry->d_name, SUFFIX))
            continue;
        g_autoptr(GKeyFile) mark = read_mark(directory, entry->d_name);
        told = mark && !is_owners(mark, owner)
                   ? told_if_near(root, mark, places, place, around)
                   : NULL;
    }
    return told;
}

/* --- Purges ------------------------------------------------------------------------------ */

static void add_purge(GKeyFile *mark, const void *data)
{
    const char *purged = data;
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_auto(GStrv) before = g_key_file_get_string_list(mark, GROUP, "purges", NULL, NULL);

    for (char **path = before; path && *path; path++) {
        if (g_str_equal(*path, purged))
            return;
        g_ptr_array_add(all, *path);
    }
    g_ptr_array_add(all, (char *)purged);
    g_key_file_set_string_list(mark, GROUP, "purges", (const char *const *)all->pdata,
                               all->len);
}

bool mark_note_purge(const char *root, const struct owner_name *owner, const char *purged,
                     GError **error)
{
    return change_mark(root, owner, add_purge, purged, error);
}

char **mark_purges(const char *root, const struct owner_name *owner)
{
    g_auto(Descriptor) marks = open_marks(root, false, NULL);
    g_autoptr(GKeyFile) mark = own_mark(marks, owner);
    char **purges = mark ? g_key_file_get_string_list(mark, GROUP, "purges", NULL, NULL)
                         : NULL;

    return purges ? purges : g_new0(char *, 1);
}

void mark_remove(const char *root, const struct owner_name *owner)
{
    g_auto(Descriptor) marks = open_marks(root, false, NULL);
    g_autoptr(GKeyFile) mark = own_mark(marks, owner);
    g_autofree char *name = file_name(owner->server, SUFFIX);

    if (mark)
        unlinkat(marks, name, 0);
}
