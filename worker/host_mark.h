/*
 * host_mark.h - whose a data directory is: what a purge may remove.
 *
 * A mark is a file in `<root>/.muster/marks/`, one a server: agent, server, the directory's
 * path, and what it was when the mark was made (device, inode, time of birth where the
 * filesystem knows it).  It is made by the worker alone, beside the data and not in it, so
 * that no server can write one.  It keeps also what purges have set aside and not finished.
 *
 * May block.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum mark {
    MARK_FITS,      /* the directory is the one that bears this server's mark */
    MARK_NONE,      /* the server has no mark here (or none that can be read) */
    MARK_ELSEWHERE, /* the server's mark is another directory's: moved, replaced */
    MARK_NO_DATA,   /* there is no such directory */
};

struct owner_name {
    const char *agent;
    const char *server; /* ids: no "/" in them */
};

enum mark mark_judge(const char *root, const struct owner_name *owner, const char *path);

/* Makes the directory `path` (inside `root`, there) bear this server's mark.  Fine if it does
 * already.  Another agent's server of the same id keeps its mark: an error.  Errors:
 * G_IO_ERROR. */
bool mark_make(const char *root, const struct owner_name *owner, const char *path,
               GError **error);

/* "server SERVER of agent AGENT (PATH)" of another server, or one of another agent, whose marked directory is `path`, or
 * lies inside it, or, with `around`, holds it; NULL: none.  g_free it. */
char *mark_of_another(const char *root, const struct owner_name *owner, const char *path,
                      bool around);

/* Notes that a purge sets something aside, before it does. */
bool mark_note_purge(const char *root, const struct owner_name *owner, const char *purged,
                     GError **error);
/* What purges of this server have set aside and, as far as is known, not finished: char **,
 * g_strfreev it. */
char **mark_purges(const char *root, const struct owner_name *owner);
/* Everything is gone: so is the mark. */
void mark_remove(const char *root, const struct owner_name *owner);
