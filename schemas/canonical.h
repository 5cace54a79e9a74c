/*
 * canonical.h - a schema's Parsing Canonical Form and its fingerprint (Avro 1.11
 * specification, "Transforming into Parsing Canonical Form" and "Schema Fingerprints").
 *
 * Two schemas with the same form read the same bytes; doc, default, aliases and logical
 * types are not part of it.  From the JSON alone, without avro-c, which has neither.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdint.h>

/* The form; g_free it.  Error: G_IO_ERROR_INVALID_DATA, for what is no schema. */
char *canonical_form(const json_t *schema, GError **error);
/* CRC-64-AVRO of the form. */
uint64_t canonical_fingerprint(const char *form);
