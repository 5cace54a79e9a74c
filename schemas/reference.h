/*
 * reference.h - how an image is named: [host[:port]/]path[:tag][@digest].
 *
 * Pure.  The grammar is distribution's (github.com/distribution/reference), and the only one
 * here: control plane and workers, records, profiles and policies judge by it.  A digest
 * counts more than a tag, as it does for Docker.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define REFERENCE_ERROR (reference_error_quark())
GQuark reference_error_quark(void);
enum reference_error { REFERENCE_ERROR_MALFORMED };

struct reference {
    char *repository; /* "registry.example:5000/games/zomboid" */
    char *tag;        /* "41", or NULL */
    char *digest;     /* "sha256:…", or NULL */
};
void reference_clear(struct reference *reference);

/* One image, "busybox" or "reg:5000/games/x:41@sha256:…".  The error quotes it, and says what
 * would be right. */
bool reference_parse(const char *text, struct reference *ret_reference, GError **error);
/* The two fields that records and specs have.  `image` is a repository, or more; `tag` is a
 * tag, a digest, "tag@digest", nothing, or a whole reference (in older records), which then
 * stands alone.  What both say must be the same.  The error begins with the field's name,
 * "image: " or "image_tag: ". */
bool reference_of(const char *image, const char *tag, struct reference *ret_reference,
                  GError **error);
/* Whether `tag`, as above, stands alone. */
bool reference_is_whole(const char *tag);

/* What an engine pulls: "repository@sha256:…", or "repository:tag"; g_free it. */
char *reference_text(const struct reference *reference);
/* What the field image_tag says: "41", "sha256:…", "41@sha256:…", or NULL; g_free it. */
char *reference_tag_text(const struct reference *reference);
/* "busybox" → "docker.io/library/busybox", "reg:5000/x" as it is; g_free it. */
char *repository_full(const char *repository);
/* Whether the part before the first slash is a registry's host. */
bool is_registry_host(const char *part);

typedef struct reference Reference;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reference, reference_clear)
