/*
 * offsets.c - the incompletes of a partition in a queue, and how they are written down.
 *
 * The queue is in the order of offsets because records come in that order; a hash finds an
 * entry in it.  Receive, begin, finish and "is it full?" cost the same with 3,000 open
 * records as with three; only writing the metadata walks them all.
 *
 * Metadata, base64 of: version 1, then varints (LEB128): how far what was received reaches
 * above the watermark; then for each incomplete, rising, 2 × (its distance to the one
 * before - 1, the first: 0) + begun; and for a begun one the length of its note and the
 * note.  Nothing incomplete: "".
 */
#include "offsets.h"

#include <gio/gio.h>
#include <string.h>

#define VERSION    1
#define NOTE_BYTES (1 + OFFSETS_NOTE_MAX) /* of a full note, with its length */
#define HEAD_BYTES 10                     /* of any 64 bits */

struct entry {
    int64_t offset;
    char *note; /* NULL: not begun */
    bool received;
    bool reserved; /* room is kept for its note */
};

struct offsets {
    GQueue entries;    /* struct entry, incomplete, rising */
    GHashTable *index; /* its offset → GList of entries */
    GList *awaited; /* the first that an earlier owner left and that has not come again */
    int64_t known;  /* an owner has received all below; above it all is new */
    int64_t received;  /* this owner has: highest + 1 */
    unsigned open;     /* entries received */
    unsigned reserved; /* entries reserved */
    size_t bytes;      /* that all entries take in the metadata */
};

static void entry_free(struct entry *entry)
{
    g_free(entry->note);
    g_free(entry);
}

struct offsets *offsets_new(int64_t watermark)
{
    struct offsets *offsets = g_new0(struct offsets, 1);

    g_queue_init(&offsets->entries);
    offsets->index = g_hash_table_new(g_int64_hash, g_int64_equal);
    offsets->known = watermark;
    offsets->received = watermark;
    return offsets;
}

void offsets_free(struct offsets *offsets)
{
    if (offsets == NULL)
        return;
    g_hash_table_unref(offsets->index);
    g_queue_clear_full(&offsets->entries, (GDestroyNotify)entry_free);
    g_free(offsets);
}

/* --- What an entry takes in the metadata --------------------------------------------- */

static size_t varint_length(uint64_t value)
{
    size_t length = 1;

    while (value >>= 7)
        length++;
    return length;
}

/* 2 × distance + begun. */
static uint64_t entry_head(const struct entry *entry, const struct entry *before)
{
    uint64_t distance = before ? (uint64_t)(entry->offset - before->offset - 1) : 0;

    return distance << 1 | (entry->note != NULL);
}

static size_t note_bytes(const char *note)
{
    return note ? varint_length(strlen(note)) + strlen(note) : 0;
}

static size_t link_bytes(const GList *link)
{
    const struct entry *entry = link->data;

    return varint_length(entry_head(entry, link->prev ? link->prev->data : NULL)) +
           note_bytes(entry->note);
}

/* Characters of the metadata with all reservations used, and `more` bytes. */
static size_t metadata_length(const struct offsets *offsets, size_t more)
{
    uint64_t reach = (uint64_t)(offsets->known - offsets_watermark(offsets));
    size_t bytes = offsets->bytes + (size_t)offsets->reserved * NOTE_BYTES + more;

    return (1 + varint_length(reach) + bytes + 2) / 3 * 4;
}

/* --- The queue ------------------------------------------------------------------------ */

static struct entry *offsets_append(struct offsets *offsets, int64_t offset)
{
    struct entry *entry = g_new0(struct entry, 1);

    entry->offset = offset;
    g_queue_push_tail(&offsets->entries, entry);
    g_hash_table_insert(offsets->index, &entry->offset, offsets->entries.tail);
    return entry;
}

/* The distance of the next one is told from the one before, so both change. */
static void offsets_drop(struct offsets *offsets, GList *link)
{
    struct entry *entry = link->data;
    GList *next = link->next;

    offsets->bytes -= link_bytes(link) + (next ? link_bytes(next) : 0);
    offsets->open -= entry->received;
    offsets->reserved -= entry->reserved;
    g_hash_table_remove(offsets->index, &entry->offset);
    g_queue_delete_link(&offsets->entries, link);
    offsets->bytes += next ? link_bytes(next) : 0;
    entry_free(entry);
}

/* What was left to us below `offset` and was passed over is not in the log any more. */
static void offsets_forget_below(struct offsets *offsets, int64_t offset)
{
    while (offsets->awaited != NULL &&
           ((struct entry *)offsets->awaited->data)->offset < offset) {
        GList *gone = offsets->awaited;
        offsets->awaited = gone->next;
        offsets_drop(offsets, gone);
    }
}

static GList *offsets_find(const struct offsets *offsets, int64_t offset)
{
    GList *link = g_hash_table_lookup(offsets->index, &offset);

    g_assert(link != NULL && ((struct entry *)link->data)->received);
    return link;
}

static enum offsets_taken offsets_take_new(struct offsets *offsets, int64_t offset)
{
    struct entry *entry = offsets_append(offsets, offset);

    entry->received = true;
    offsets->open++;
    offsets->bytes += link_bytes(offsets->entries.tail);
    offsets->known = offset + 1;
    return OFFSETS_FRESH;
}

static enum offsets_taken offsets_take_awaited(struct offsets *offsets,
                                               const char **ret_note)
{
    struct entry *entry = offsets->awaited->data;

    offsets->awaited = offsets->awaited->next;
    entry->received = true;
    offsets->open++;
    if (entry->note == NULL)
        return OFFSETS_FRESH;
    *ret_note = entry->note;
    return OFFSETS_BEGUN;
}

enum offsets_taken offsets_expect(const struct offsets *offsets, int64_t offset)
{
    if (offset < offsets->received)
        return OFFSETS_DONE;
    if (offset >= offsets->known)
        return OFFSETS_FRESH;
    for (const GList *link = offsets->awaited; link; link = link->next) {
        const struct entry *entry = link->data;
        if (entry->offset == offset)
            return entry->note ? OFFSETS_BEGUN : OFFSETS_FRESH;
        if (entry->offset > offset)
            break;
    }
    return OFFSETS_DONE;
}

enum offsets_taken offsets_receive(struct offsets *offsets, int64_t offset,
                                   const char **ret_note)
{
    if (offset < offsets->received)
        return OFFSETS_DONE; /* delivered twice: it was taken the first time */

    offsets->received = offset + 1;
    offsets_forget_below(offsets, offset);
    if (offset >= offsets->known)
        return offsets_take_new(offsets, offset);
    if (offsets->awaited != NULL &&
        ((struct entry *)offsets->awaited->data)->offset == offset)
        return offsets_take_awaited(offsets, ret_note);
    return OFFSETS_DONE;
}

static bool is_printable(const char *note, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isprint(note[i]))
            return false;
    }
    return true;
}

bool offsets_reserve(struct offsets *offsets, int64_t offset)
{
    struct entry *entry = offsets_find(offsets, offset)->data;

    if (entry->reserved || entry->note != NULL)
        return true;
    if (metadata_length(offsets, NOTE_BYTES) > OFFSETS_METADATA_HARD)
        return false;
    entry->reserved = true;
    offsets->reserved++;
    return true;
}

void offsets_begin(struct offsets *offsets, int64_t offset, const char *note)
{
    struct entry *entry = offsets_find(offsets, offset)->data;

    g_assert(strlen(note) <= OFFSETS_NOTE_MAX && is_printable(note, strlen(note)));
    offsets->reserved -= entry->reserved;
    entry->reserved = false;
    offsets->bytes += note_bytes(note) - note_bytes(entry->note);
    g_free(entry->note);
    entry->note = g_strdup(note);
}

void offsets_unbegin(struct offsets *offsets, int64_t offset)
{
    struct entry *entry = offsets_find(offsets, offset)->data;

    offsets->bytes -= note_bytes(entry->note);
    g_clear_pointer(&entry->note, g_free);
}

void offsets_finish(struct offsets *offsets, int64_t offset)
{
    offsets_drop(offsets, offsets_find(offsets, offset));
}

int64_t offsets_first_begun(const struct offsets *offsets)
{
    for (const GList *link = offsets->entries.head; link; link = link->next) {
        const struct entry *entry = link->data;
        if (entry->note)
            return entry->offset;
    }
    return -1;
}

int64_t offsets_watermark(const struct offsets *offsets)
{
    const struct entry *first = g_queue_peek_head((GQueue *)&offsets->entries);

    return first ? first->offset : offsets->known;
}

int64_t offsets_seen(const struct offsets *offsets)
{
    return offsets->received;
}

int64_t offsets_known(const struct offsets *offsets)
{
    return offsets->known;
}

bool offsets_awaits(const struct offsets *offsets)
{
    return offsets->awaited != NULL;
}

unsigned offsets_open(const struct offsets *offsets)
{
    return offsets->open;
}

bool offsets_full(const struct offsets *offsets)
{
    const size_t one_more = 2 * HEAD_BYTES; /* its own, and how far is reached */

    return offsets->received >= offsets->known &&
           metadata_length(offsets, one_more + OFFSETS_BEGUN_ROOM * NOTE_BYTES) >
               OFFSETS_METADATA_MAX;
}

/* --- Writing and reading --------------------------------------------------------------- */

static void put_varint(GByteArray *bytes, uint64_t value)
{
    while (value >= 0x80) {
        g_byte_array_append(bytes, &(guint8){(guint8)(value | 0x80)}, 1);
        value >>= 7;
    }
    g_byte_array_append(bytes, &(guint8){(guint8)value}, 1);
}

char *offsets_metadata(const struct offsets *offsets)
{
    if (offsets->entries.head == NULL)
        return g_strdup("");

    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_byte_array_append(bytes, &(guint8){VERSION}, 1);
    put_varint(bytes, (uint64_t)(offsets->known - offsets_watermark(offsets)));
    for (const GList *link = offsets->entries.head; link != NULL; link = link->next) {
        const struct entry *entry = link->data;
        put_varint(bytes, entry_head(entry, link->prev ? link->prev->data : NULL));
        if (entry->note == NULL)
            continue;
        put_varint(bytes, strlen(entry->note));
        g_byte_array_append(bytes, (const guint8 *)entry->note,
                            (guint)strlen(entry->note));
    }
    return g_base64_encode(bytes->data, bytes->len);
}

struct reader {
    const guint8 *at, *end;
};

static bool get_varint(struct reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        guint8 byte = *reader->at++;
        if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0))
            return false; /* over 64 bits, or longer than it need be */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool get_note(struct reader *reader, char **ret_note)
{
    uint64_t length = 0;

    if (!get_varint(reader, &length) || length > OFFSETS_NOTE_MAX ||
        length > (uint64_t)(reader->end - reader->at) ||
        !is_printable((const char *)reader->at, length))
        return false;
    *ret_note = g_strndup((const char *)reader->at, length);
    reader->at += length;
    return true;
}

/* One incomplete, that is at or above `*next`. */
static bool get_entry(struct reader *reader, struct offsets *offsets, int64_t *next)
{
    uint64_t head = 0;

    if (!get_varint(reader, &head) || head >> 1 >= (uint64_t)(offsets->known - *next))
        return false;
    struct entry *entry = offsets_append(offsets, *next + (int64_t)(head >> 1));
    *next = entry->offset + 1;
    if ((head & 1) && !get_note(reader, &entry->note))
        return false;
    offsets->bytes += link_bytes(offsets->entries.tail);
    return true;
}

/* As strict as the writer is exact: what it cannot have written was damaged, and then the
 * log itself is read instead. */
static bool get_all(struct reader *reader, struct offsets *offsets)
{
    int64_t watermark = offsets->known;
    int64_t next = watermark;
    uint64_t reach = 0;

    if (reader->at == reader->end || *reader->at++ != VERSION)
        return false;
    if (!get_varint(reader, &reach) || reach > (uint64_t)(G_MAXINT64 - watermark))
        return false;
    offsets->known = watermark + (int64_t)reach;
    do {
        if (!get_entry(reader, offsets, &next))
            return false;
    } while (reader->at < reader->end);
    offsets->awaited = offsets->entries.head;
    return offsets_watermark(offsets) == watermark;
}

/* g_base64_decode() skips what is no base64; an encoder's own text comes out again. */
static bool get_metadata(const char *metadata, struct offsets *offsets)
{
    size_t length = 0;
    g_autofree guint8 *bytes = g_base64_decode(metadata, &length);
    g_autofree char *again = g_base64_encode(bytes, length);
    struct reader reader = {bytes, bytes + length};

    return g_str_equal(again, metadata) && get_all(&reader, offsets);
}

struct offsets *offsets_load(int64_t watermark, const char *metadata, GError **error)
{
    g_autoptr(Offsets) offsets = offsets_new(watermark);

    if (metadata == NULL || *metadata == '\0' || get_metadata(metadata, offsets))
        return g_steal_pointer(&offsets);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                "the metadata of the committed offset %" G_GINT64_FORMAT
                " is none of this worker's",
                watermark);
    return NULL;
}
