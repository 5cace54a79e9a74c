/*
 * fuzz_apply.c - any event at all, as the control plane takes it into its ledger.
 *
 * Input: events, each behind two bytes of length, without their frame.  Whoever can write to
 * the log can write these, so none may stop ingest: what means nothing is passed over.  Told
 * again, in the place where it was told, an event changes nothing.
 *
 * A seed corpus lies in corpus/apply.
 */
#include "apply.h"
#include "ledger_rows.h"
#include "log.h"
#include "rules.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES 10 /* C3 01 and the fingerprint */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One of each for all inputs, since what they write is taken back. */
static struct ledger *ledger;
static struct codec *codec;
static uint8_t frame[FRAME_BYTES];

static void clean_up(void)
{
    ledger_close(ledger);
    codec_free(codec);
}

static void set_up(void)
{
    g_autoptr(Event) event = event_new();
    log_setup(LOG_LEVEL_NONE, false);
    event->state = state_new();
    ledger = ledger_make_scratch(NULL);
    codec = codec_new();
    g_autoptr(GBytes) bytes = codec_encode_event(codec, event);
    memcpy(frame, g_bytes_get_data(bytes, NULL), sizeof frame);
    g_assert(ledger);
    atexit(clean_up);
}

static bool framed_event(const uint8_t *data, size_t size, GBytes **ret_bytes,
                         struct event **ret_event)
{
    g_autofree uint8_t *whole = g_malloc(sizeof frame + size);
    memcpy(whole, frame, sizeof frame);
    memcpy(whole + sizeof frame, data, size);
    if (codec_decode_event(codec, whole, sizeof frame + size, ret_event, NULL) != DECODED)
        return false;
    *ret_bytes = g_bytes_new(whole, sizeof frame + size);
    return true;
}

static void tell(const uint8_t *data, size_t size, int64_t offset)
{
    g_autoptr(Event) event = NULL;
    g_autoptr(GBytes) bytes = NULL;
    if (!framed_event(data, size, &bytes, &event))
        return;
    for (int64_t again = 0; again < 2; again++) {
        const struct place place = {0, 2 * offset + again, 1000 * offset};
        g_autoptr(GError) error = NULL;
        bool good = apply_event(ledger, codec, event, bytes, &place, &error);
        g_assert(good == (error == NULL));
        if (!good)
            g_assert_no_error(error);
    }
}

static void check_rows(void)
{
    const struct server_filter filter = {.partition = CONTRACT_NONE};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) servers = ledger_servers(ledger, &filter, true, &error);
    g_assert(servers && !error);
    for (guint i = 0; i < servers->len; i++) {
        const struct server_row *server = g_ptr_array_index(servers, i);
        g_assert(*server->id && g_utf8_validate(server->id, -1, NULL));
        g_assert(rule_status(server) != STATUS_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t offset = 0;
    if (!ledger)
        set_up();
    g_assert(ledger_begin(ledger, NULL));
    while (size > 2) {
        size_t length = MIN(size - 2, (size_t)(data[0] << 8 | data[1]));
        tell(data + 2, length, offset++);
        data += 2 + length;
        size -= 2 + length;
    }
    check_rows();
    ledger_rollback(ledger);
    return 0;
}
