/*
 * docker_transfer.c - one request on the wire, from curl's options to our reply.
 *
 * Knows how a request becomes an easy handle, collects what comes under stated limits,
 * and turns a CURLcode into one of our four answers.  It does not wait, queue or repeat.
 */
#include "docker_transfer.h"

#include <string.h>

#define BODY_MAX       (1 << 20) /* bytes of a reply where the request names no limit */
#define LINE_MAX_BYTES (256 << 10)
#define HEADERS_MAX    (64 << 10) /* bytes; curl 7.88 itself limits single headers only */

/* Why we ended it ourselves, where curl only knows that a callback said no. */
enum overflow { OVERFLOW_NONE, OVERFLOW_BODY, OVERFLOW_LINE, OVERFLOW_HEADERS };

struct transfer {
    uint64_t ticket;
    struct request *request;
    const struct wire *wire;
    CURL *easy; /* borrowed */
    struct curl_slist *headers;
    GString *came; /* the body, or the beginning of a line */
    size_t header_bytes;
    int64_t began_ms;
    int64_t heard_ms; /* last piece of the answer; 0: none yet */
    enum overflow overflow;
    char error[CURL_ERROR_SIZE];
};

void line_free(struct line *line)
{
    if (!line)
        return;
    g_free(line->text);
    g_free(line);
}

struct transfer *transfer_new(uint64_t ticket, struct request *request)
{
    struct transfer *transfer = g_new0(struct transfer, 1);

    transfer->ticket = ticket;
    transfer->request = request;
    transfer->came = g_string_new(NULL);
    return transfer;
}

void transfer_free(struct transfer *transfer)
{
    if (!transfer)
        return;
    request_free(transfer->request);
    curl_slist_free_all(transfer->headers);
    g_string_free(transfer->came, TRUE);
    g_free(transfer);
}

CURL *transfer_easy(const struct transfer *transfer)
{
    return transfer->easy;
}

uint64_t transfer_ticket(const struct transfer *transfer)
{
    return transfer->ticket;
}

enum docker_lane transfer_lane(const struct transfer *transfer)
{
    return transfer->request->lane;
}

enum asked transfer_asked(const struct transfer *transfer)
{
    return transfer->request->asked;
}

int64_t transfer_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- What comes -------------------------------------------------------------------- */

static bool is_success(const struct transfer *transfer)
{
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status <= 299;
}

/* An error's body is one piece of JSON, also where lines were asked for. */
static bool comes_in_lines(const struct transfer *transfer)
{
    return transfer->request->lines && is_success(transfer);
}

static void push_line(const struct transfer *transfer, const char *text, size_t length)
{
    struct line *line = g_new0(struct line, 1);

    line->ticket = transfer->ticket;
    line->text = g_strndup(text, length);
    g_queue_push_tail(transfer->wire->lines, line);
}

/* Hands out what ends with a newline and keeps the rest; the engine writes "\r\n", and
 * its blank lines mean nothing. */
static void split_lines(struct transfer *transfer)
{
    const char *begin = transfer->came->str;
    const char *end = begin + transfer->came->len;
    const char *newline;

    while ((newline = memchr(begin, '\n', (size_t)(end - begin)))) {
        size_t length = (size_t)(newline - begin);
        if (length > 0 && begin[length - 1] == '\r')
            length--;
        if (length > 0)
            push_line(transfer, begin, length);
        begin = newline + 1;
    }
    g_string_erase(transfer->came, 0, begin - transfer->came->str);
}

static void push_rest(struct transfer *transfer)
{
    if (transfer->came->len > 0 && transfer->came->str[transfer->came->len - 1] != '\n')
        g_string_append_c(transfer->came, '\n');
    split_lines(transfer);
}

static int64_t body_limit(const struct transfer *transfer)
{
    return transfer->request->max_bytes > 0 ? transfer->request->max_bytes : BODY_MAX;
}

static size_t take_body(char *data, size_t size, size_t count, void *opaque)
{
    struct transfer *transfer = opaque;
    size_t bytes = size * count;

    transfer->heard_ms = transfer_clock_ms();
    g_string_append_len(transfer->came, data, (gssize)bytes);
    if (comes_in_lines(transfer)) {
        split_lines(transfer);
        if (transfer->came->len > LINE_MAX_BYTES)
            transfer->overflow = OVERFLOW_LINE;
    } else if ((int64_t)transfer->came->len > body_limit(transfer)) {
        transfer->overflow = OVERFLOW_BODY;
    }
    return transfer->overflow == OVERFLOW_NONE ? bytes : 0;
}

static bool is_end_of_headers(const char *data, size_t bytes)
{
    return bytes <= 2 && bytes > 0 && data[bytes - 1] == '\n';
}

static size_t take_header(char *data, size_t size, size_t count, void *opaque)
{
    struct transfer *transfer = opaque;
    size_t bytes = size * count;

    transfer->heard_ms = transfer_clock_ms();
    transfer->header_bytes += bytes;
    if (transfer->header_bytes > HEADERS_MAX) {
        transfer->overflow = OVERFLOW_HEADERS;
        return 0;
    }
    if (transfer->request->lane == DOCKER_STREAM && is_end_of_headers(data, bytes) &&
        comes_in_lines(transfer))
        push_line(transfer, "", 0); /* the stream is open, however long it stays quiet */
    return bytes;
}

/* --- Beginning --------------------------------------------------------------------- */

/* An option that curl refuses is our own mistake. */
#define SET(transfer, option, value)                                     \
 do {                                                                    \
  CURLcode set_code = curl_easy_setopt((transfer)->easy, option, value); \
  g_assert(set_code == CURLE_OK);                                        \
 } while (0)

static void add_header(struct transfer *transfer, const char *header)
{
    transfer->headers = curl_slist_append(transfer->headers, header);
    g_assert(transfer->headers);
}

static void set_place(struct transfer *transfer)
{
    const struct request *request = transfer->request;
    g_autofree char *version = request->unversioned
                                   ? g_strdup("")
                                   : g_strdup_printf("/v1.%d", transfer->wire->api);
    g_autofree char *url = g_strconcat("http://engine", version, request->path, NULL);

    SET(transfer, CURLOPT_UNIX_SOCKET_PATH, transfer->wire->socket_path);
    SET(transfer, CURLOPT_URL, url);
    SET(transfer, CURLOPT_PATH_AS_IS, 1L);
    SET(transfer, CURLOPT_PROTOCOLS_STR, "http");
    SET(transfer, CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(transfer, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(transfer, CURLOPT_NOSIGNAL, 1L);
}

/* GET may be repeated by curl on a dead reused connection; nothing else may. */
static void set_method(struct transfer *transfer)
{
    const struct request *request = transfer->request;
    const char *body = request->body ? request->body : "";

    if (g_str_equal(request->method, "GET"))
        return;
    SET(transfer, CURLOPT_FRESH_CONNECT, 1L);
    SET(transfer, CURLOPT_FORBID_REUSE, 1L);
    if (g_str_equal(request->method, "POST")) {
        SET(transfer, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        SET(transfer, CURLOPT_POSTFIELDS, body);
    } else {
        SET(transfer, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static void set_headers(struct transfer *transfer)
{
    add_header(transfer, "Expect:");
    if (transfer->request->body)
        add_header(transfer, "Content-Type: application/json");
    if (transfer->request->registry_auth) {
        g_autofree char *auth = g_strconcat(
            "X-Registry-Auth: ", transfer->request->registry_auth, NULL);
        add_header(transfer, auth);
    }
    SET(transfer, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_callbacks(struct transfer *transfer)
{
    SET(transfer, CURLOPT_PRIVATE, transfer);
    SET(transfer, CURLOPT_ERRORBUFFER, transfer->error);
    SET(transfer, CURLOPT_WRITEFUNCTION, take_body);
    SET(transfer, CURLOPT_WRITEDATA, transfer);
    SET(transfer, CURLOPT_HEADERFUNCTION, take_header);
    SET(transfer, CURLOPT_HEADERDATA, transfer);
}

void transfer_begin(struct transfer *transfer, CURL *easy, const struct wire *wire,
                    int64_t now_ms)
{
    transfer->easy = easy;
    transfer->wire = wire;
    transfer->began_ms = now_ms;
    set_place(transfer);
    set_method(transfer);
    set_headers(transfer);
    set_callbacks(transfer);
}

/* --- Deadlines --------------------------------------------------------------------- */

static int64_t due_after(int64_t from_ms, int64_t limit_ms)
{
    return limit_ms > 0 ? from_ms + limit_ms : INT64_MAX;
}

static int64_t due_total(const struct transfer *transfer)
{
    return due_after(transfer->began_ms, transfer->request->timeout_ms);
}

/* The next piece of the answer: its first byte, then any. */
static int64_t due_piece(const struct transfer *transfer)
{
    return transfer->heard_ms
               ? due_after(transfer->heard_ms, transfer->request->stall_ms)
               : due_after(transfer->began_ms, transfer->request->first_byte_ms);
}

int64_t transfer_due(const struct transfer *transfer)
{
    return MIN(due_total(transfer), due_piece(transfer));
}

bool transfer_is_late(const struct transfer *transfer, int64_t now_ms)
{
    return now_ms >= transfer_due(transfer);
}

/* --- Ending ------------------------------------------------------------------------ */

/* "Unreachable" promises that nothing was delivered, so it needs both: curl got no
 * connection, and not a byte had been written on an earlier one. */
static enum answer answer_of(const struct transfer *transfer, CURLcode code)
{
    long sent = 0;

    if (code == CURLE_OK)
        return ANSWER_HTTP;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ANSWER_TIMEOUT;
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
    if ((code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) &&
        sent == 0)
        return ANSWER_UNREACHABLE;
    return ANSWER_BROKEN;
}

static char *timeout_sentence(const struct transfer *transfer, bool stalled)
{
    const struct request *request = transfer->request;

    if (!stalled)
        return g_strdup_printf("no whole answer within %" G_GINT64_FORMAT " ms",
                               request->timeout_ms);
    if (!transfer->heard_ms)
        return g_strdup_printf("no answer began within %" G_GINT64_FORMAT " ms",
                               request->first_byte_ms);
    return g_strdup_printf("nothing more came for %" G_GINT64_FORMAT " ms",
                           request->stall_ms);
}

static char *unreachable_sentence(const struct transfer *transfer)
{
    long number = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
    return g_strdup_printf("no Docker Engine answers at %s: %s",
                           transfer->wire->socket_path,
                           number ? g_strerror((int)number) : transfer->error);
}

static char *broken_sentence(const struct transfer *transfer, CURLcode code)
{
    switch (transfer->overflow) {
    case OVERFLOW_BODY:
        return g_strdup_printf("the answer is larger than %" G_GINT64_FORMAT " bytes",
                               body_limit(transfer));
    case OVERFLOW_LINE:
        return g_strdup_printf("a line of the answer is longer than %d bytes",
                               LINE_MAX_BYTES);
    case OVERFLOW_HEADERS:
        return g_strdup_printf("the answer's headers are larger than %d bytes",
                               HEADERS_MAX);
    case OVERFLOW_NONE:
        break;
    }
    return g_strdup_printf("the connection ended without a whole answer: %s",
                           transfer->error[0] ? transfer->error
                                              : curl_easy_strerror(code));
}

static void fill_body(struct transfer *transfer, struct reply *reply)
{
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    reply->status = (int)status;
    if (comes_in_lines(transfer)) {
        push_rest(transfer);
        return;
    }
    reply->length = transfer->came->len;
    g_free(reply->body);
    reply->body = g_string_free(transfer->came, FALSE);
    transfer->came = g_string_new(NULL);
}

struct reply *transfer_reply(struct transfer *transfer, CURLcode code, int64_t now_ms)
{
    struct reply *reply = g_new0(struct reply, 1);

    reply->ticket = transfer->ticket;
    reply->asked = transfer->request->asked;
    reply->ms = now_ms - transfer->began_ms;
    reply->body = g_strdup("");
    reply->answer = answer_of(transfer, code);
    switch (reply->answer) {
    case ANSWER_HTTP:
        fill_body(transfer, reply);
        break;
    case ANSWER_UNREACHABLE:
        reply->error = unreachable_sentence(transfer);
        break;
    case ANSWER_BROKEN:
        reply->error = broken_sentence(transfer, code);
        break;
    case ANSWER_TIMEOUT:
        reply->stalled = now_ms >= due_piece(transfer);
        reply->error = timeout_sentence(transfer, reply->stalled);
        break;
    }
    return reply;
}
