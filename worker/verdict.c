/*
 * verdict.c - what an answer of the engine means, and what to tell the person.
 *
 * One table, read from the top; the first row that fits decides.  Status alone does not
 * tell: the engine says much with 500 that is final (a taken port, bad credentials), and
 * statuses have moved between versions while the texts stayed.  So a row that knows a text
 * takes any status of failure, and rows that know only a status come after those.
 *
 * Never says DONE, ALREADY or ABSENT to what the engine did not answer: a change that broke
 * off is UNKNOWN, and a 404 for a path that this engine does not have is no absence.
 */
#include "verdict.h"

#include <jansson.h>
#include <string.h>

#define TEXT_MAX 1000 /* characters of the engine's text */

/* --- The table --------------------------------------------------------------------- */

enum row_flag {
    WHOLE_TEXT = 1, /* the text is this and no more */
    NO_TEXT = 2,    /* there is no text */
    HIDE_TEXT = 4,  /* the text may show a value of env: keep it out of the result */
};

struct row {
    unsigned asked;
    enum answer answer;
    int lowest, highest; /* status */
    const char *text;    /* in lower case; "": any */
    enum verdict verdict;
    const char *code;     /* NULL: that of what was asked, see asked_table */
    const char *sentence; /* NULL: likewise; "{port}" and such are found in the text */
    unsigned flags;
};

/* clang-format off */
#define A(name)      (1u << ASKED_##name)
#define ANY          ((1u << ASKED_COUNT) - 1)
#define READS        (A(LOOK) | A(IMAGE) | A(NETWORKS) | A(LIST) | A(CHANGES) | A(VOLUMES) | \
                      A(LOG) | A(ENGINE))
#define MAKES        (A(CREATE) | A(START))
#define NETWORKING   (A(NETWORK) | A(CONNECT) | MAKES)
#define BY_NAME      (A(LOOK) | A(UNPAUSE) | A(RENAME) | A(UPDATE) | A(STOP) | A(KILL) | \
                      A(REMOVE) | A(EXEC))

#define ONLY(status) ANSWER_HTTP, status, status
#define GOOD         ANSWER_HTTP, 200, 299
#define FAILED       ANSWER_HTTP, 400, 599
#define BUSY         ANSWER_HTTP, 500, 599
#define STREAMED     ANSWER_HTTP, 200, 599 /* a pull's errors come after a 200, too */

#define OK           CODE_OK, NULL
#define REFUSED      VERDICT_REFUSED
#define RETRY        VERDICT_RETRY

#define DENIED       REFUSED, CODE_REGISTRY_DENIED, \
    "{registry} denies {image} to this host; check the image's name, and the credentials " \
    "in the host's Docker config"
#define LIMITED      REFUSED, CODE_REGISTRY_LIMITED, \
    "{registry} takes no more pulls from this host for now; wait, or log the host in"
#define NO_IMAGE     REFUSED, CODE_IMAGE_NOT_FOUND, \
    "{image} is not in the registry; check its name, and its tag or digest"
#define BAD_IMAGE    REFUSED, CODE_INVALID, \
    "the image's name or tag is malformed; correct it"
#define UNREACHED    RETRY, CODE_REGISTRY_UNREACHABLE, \
    "{registry} does not answer this host; check that it runs, and the network"
#define UNTRUSTED    REFUSED, CODE_REGISTRY_UNREACHABLE, \
    "this host's engine does not trust {registry}; give it the registry's certificate, or " \
    "list the registry in its insecure-registries"
#define DISK_FULL    "the host's disk is full, or has no inodes left; free some and try again"
#define NOT_READ     REFUSED, NULL, "the engine did not understand the request; this is a fault " \
    "of the worker or a newer engine: report it"
#define REMOVING     RETRY, CODE_REMOVE_FAILED, \
    "the engine is still removing the container; see what holds its files, and try again"
#define NOT_HERE     REFUSED, CODE_ADDRESS_NOT_HERE, \
    "{address} is not an address of this host; give the port one that is, or none for all"
#define PORT_UNBOUND REFUSED, CODE_PORT_CONFLICT, \
    "{port} cannot be had on this host; see the engine's words, or change the port"
#define PORT_TAKEN   REFUSED, CODE_PORT_CONFLICT, \
    "{port} is taken on this host; free it, or change the server's port"
#define NO_PATH      REFUSED, CODE_MOUNT_FAILED, \
    "{path} is not there on the host; make it, or mount its disk"
#define BAD_MOUNT    REFUSED, CODE_MOUNT_FAILED, \
    "{path} cannot be mounted; see that it is a directory on the host and in the image"
#define HANGS        CODE_STOP_TIMEOUT, \
    "the container does not end, not even when killed; look at its process on the host"
#define NAME_TAKEN   VERDICT_CONFLICT, CODE_NAME_CONFLICT, \
    "{name} is another container's; rename or remove that one"

static const struct row rows[] = {
    /* Good news, and an API that is not ours. */
    {ANY & ~A(PULL), GOOD, "", VERDICT_DONE, OK},
    {A(PULL), GOOD, "", VERDICT_DONE, OK, NO_TEXT},
    {ANY, ONLY(304), "", VERDICT_ALREADY, OK},
    {ANY, FAILED, "client version", REFUSED, CODE_ENGINE_UNSUPPORTED,
     "this host's engine and worker have no API version in common; upgrade the older one"},
    {ANY, ONLY(404), "page not found", REFUSED, CODE_ENGINE_UNSUPPORTED,
     "this host's engine does not know the request; upgrade it"},

    /* A pull tells in the registry's words. */
    {A(PULL), STREAMED, "no space left on device", REFUSED, CODE_PULL_FAILED, DISK_FULL},
    {A(PULL), STREAMED, "permission denied", REFUSED, CODE_PULL_FAILED,
     "the engine may not write its own files; see its log on the host"},
    {A(PULL), STREAMED, "toomanyrequests", LIMITED},
    {A(PULL), STREAMED, "too many requests", LIMITED},
    {A(PULL), STREAMED, "manifest unknown", NO_IMAGE},
    {A(PULL), STREAMED, "not found: manifest", NO_IMAGE},
    {A(PULL), STREAMED, "name unknown", NO_IMAGE},
    {A(PULL), STREAMED, "no matching manifest", REFUSED, CODE_IMAGE_NOT_FOUND,
     "the image is not made for this host's kind of machine; push one that is"},
    {A(PULL), STREAMED, "invalid reference format", BAD_IMAGE},
    {A(PULL), STREAMED, "no basic auth credentials", DENIED},
    {A(PULL), STREAMED, "unauthorized", DENIED},
    {A(PULL), STREAMED, "authentication required", DENIED},
    {A(PULL), STREAMED, "incorrect username or password", DENIED},
    {A(PULL), STREAMED, "denied", DENIED},
    {A(PULL), STREAMED, "403 forbidden", DENIED},
    {A(PULL), ONLY(404), "", NO_IMAGE},
    {A(PULL), STREAMED, ": not found", NO_IMAGE},
    {A(PULL), STREAMED, "x509:", UNTRUSTED},
    {A(PULL), STREAMED, "http response to https client", UNTRUSTED},
    {A(PULL), STREAMED, "connection refused", UNREACHED},
    {A(PULL), STREAMED, "connection reset", UNREACHED},
    {A(PULL), STREAMED, "no such host", UNREACHED},
    {A(PULL), STREAMED, "name resolution", UNREACHED},
    {A(PULL), STREAMED, "server misbehaving", UNREACHED},
    {A(PULL), STREAMED, "no route to host", UNREACHED},
    {A(PULL), STREAMED, "network is unreachable", UNREACHED},
    {A(PULL), STREAMED, "timeout", UNREACHED},
    {A(PULL), STREAMED, "deadline exceeded", UNREACHED},
    {A(PULL), STREAMED, "eof", UNREACHED},
    {A(PULL), STREAMED, "parsing http 5", UNREACHED},
    {A(PULL), STREAMED, "unexpected http status: 5", UNREACHED},
    {A(PULL), ANSWER_HTTP, 400, 499, "", REFUSED, NULL, NULL},
    {A(PULL), STREAMED, "", RETRY, NULL, NULL},
    {A(PULL), ANSWER_TIMEOUT, 0, 0, "", REFUSED, CODE_PULL_STALLED,
     "nothing more of the image came for too long; check the registry and the network"},

    /* Words that mean the same whatever was asked.  START sends no body; what looks like a
     * parser's complaint there comes from the runtime. */
    {A(CREATE), FAILED, "environment variable", REFUSED, CODE_INVALID,
     "the engine does not take the name of a variable in env; correct it", HIDE_TEXT},
    {A(CREATE), FAILED, "eof", NOT_READ, WHOLE_TEXT},
    {ANY & ~A(START), FAILED, "unmarshal", NOT_READ, HIDE_TEXT},
    {ANY & ~A(START), FAILED, "invalid character '", NOT_READ, HIDE_TEXT},
    {ANY, FAILED, "no space left on device", REFUSED, NULL, DISK_FULL},
    {ANY, FAILED, "is already in progress", REMOVING},
    {ANY, FAILED, "marked for removal", REMOVING},

    /* Who is there, and who is not. */
    {ANY, ONLY(404), "no such container", VERDICT_ABSENT, NULL,
     "there is no such container any more; sync the agent, and start the server anew"},
    {A(IMAGE) | A(CREATE), ONLY(404), "no such image", VERDICT_ABSENT, CODE_IMAGE_NOT_FOUND,
     "{image} is not on this host; pull it"},
    {A(IMAGE) | A(VOLUME_REMOVE) | BY_NAME, ONLY(404), "", VERDICT_ABSENT, NULL,
     "there is no such thing"},
    {A(VOLUME_REMOVE), ONLY(409), "", VERDICT_CONFLICT, NULL, "another container uses the volume"},
    {A(CREATE) | A(RENAME), ONLY(409), "", NAME_TAKEN},
    {A(RENAME), FAILED, "same name as its current name", VERDICT_ALREADY, OK},
    {A(CREATE) | A(RENAME), FAILED, "invalid container name", REFUSED, CODE_INVALID,
     "a container's name has two characters at least, of letters, digits, _, . and -"},

    /* Ports, mounts, networks: at create or at start, as the engine's version has it. */
    {MAKES, FAILED, "port is already allocated", PORT_TAKEN},
    {MAKES, FAILED, "address already in use", PORT_TAKEN},
    {MAKES, FAILED, "cannot assign requested address", NOT_HERE},
    {MAKES, FAILED, "failed to bind host port", PORT_UNBOUND},
    {MAKES, FAILED, "ports are not available", PORT_UNBOUND},
    {MAKES, FAILED, "invalid port specification", REFUSED, CODE_INVALID,
     "a port of the server is no number from 0 to 65535; correct it"},
    {MAKES, FAILED, "bind source path does not exist", NO_PATH},
    {MAKES, FAILED, "mounting \"", BAD_MOUNT},
    {MAKES, FAILED, "duplicate mount point", REFUSED, CODE_INVALID,
     "two mounts of the server have one path in the container; correct them"},
    {MAKES, FAILED, "for a local volume name", REFUSED, CODE_INVALID,
     "a mount of the server is no absolute path; correct it"},
    {MAKES, FAILED, "invalid mount config", BAD_MOUNT},
    {A(NETWORK) | A(CONNECT), FAILED, "already exists", VERDICT_ALREADY, OK},
    {A(NETWORK_REMOVE), ONLY(404), "", VERDICT_ABSENT, NULL, NULL},
    {A(NETWORK_REMOVE), FAILED, "", VERDICT_CONFLICT, NULL, NULL},
    {A(START), FAILED, "already exists in network", REFUSED, CODE_NETWORK_FAILED,
     "the engine holds a stale endpoint of this name in {network}; disconnect it by force"},
    {A(NETWORK), FAILED, "overlaps", REFUSED, CODE_NETWORK_FAILED,
     "the network's address range is another network's; remove one of the two"},
    {A(NETWORK), FAILED, "address pool", REFUSED, CODE_NETWORK_FAILED,
     "the engine has no addresses left for another network; remove unused networks"},
    {A(NETWORK), FAILED, "predefined", REFUSED, CODE_NETWORK_FAILED,
     "the network's name is one of the engine's own; choose another"},
    {NETWORKING, FAILED, "is ambiguous", REFUSED, CODE_NETWORK_FAILED,
     "{network} is the name of two networks; remove one of them"},
    {NETWORKING, FAILED, "connected to multiple networks", REFUSED, CODE_NETWORK_FAILED,
     "a container in a private network mode can have no other network; correct its networks"},
    {NETWORKING, FAILED, "connected to network endpoints", REFUSED, CODE_ENGINE_UNSUPPORTED,
     "this engine takes one network at create; this is a fault of the worker: report it"},
    {NETWORKING, FAILED, "iptables", RETRY, CODE_NETWORK_FAILED,
     "the host's firewall is not as the engine left it; restart the engine"},
    {NETWORKING, ONLY(404), "network", REFUSED, CODE_NETWORK_FAILED,
     "{network} is not there; try again, which makes it"},

    /* What is to run. */
    {A(CREATE), FAILED, "invalid reference format", BAD_IMAGE},
    {A(CREATE), FAILED, "restart policy", REFUSED, CODE_INVALID,
     "the engine does not know the server's restart policy; correct it"},
    {A(CREATE), FAILED, "minimum memory limit", REFUSED, CODE_INVALID,
     "the server's memory limit is too small; raise it"},
    {A(START), FAILED, "exec: \"", REFUSED, CODE_START_FAILED,
     "{command} cannot be run in the image; check the image"},
    {A(START), FAILED, "not a directory", BAD_MOUNT},
    {A(START), FAILED, "oci runtime create failed", REFUSED, CODE_START_FAILED,
     "the host could not set the container up; check the image and the host"},

    /* What is to end. */
    {A(STOP) | A(KILL), FAILED, "is not running", VERDICT_ALREADY, OK},
    {A(UNPAUSE), FAILED, "not paused", VERDICT_ALREADY, OK},
    {A(STOP) | A(KILL), FAILED, "invalid signal", REFUSED, CODE_INVALID,
     "the server's stop signal does not exist; correct it"},
    {A(STOP) | A(KILL), FAILED, "did not receive an exit event", RETRY, HANGS},
    {A(STOP) | A(KILL), FAILED, "did not exit", RETRY, HANGS},
    {A(REMOVE), FAILED, "could not kill", RETRY, HANGS},
    {A(REMOVE), FAILED, "running", RETRY, CODE_REMOVE_FAILED,
     "the container runs again; see who starts it, and stop it"},
    {A(REMOVE), FAILED, "busy", REMOVING},
    {A(REMOVE), ONLY(409), "", REMOVING},
    {A(EXEC), ONLY(409), "", REFUSED, NULL, "the container does not run, nothing can run in it"},

    /* The rest: 5xx may pass by itself, all else will not. */
    {ANY, BUSY, "", RETRY, NULL, NULL},
    {ANY, ANSWER_HTTP, G_MININT, G_MAXINT, "", REFUSED, NULL, NULL},

    /* No answer.  A read or a pull can be asked again; a change may have happened. */
    {ANY, ANSWER_UNREACHABLE, 0, 0, "", RETRY, CODE_ENGINE_UNREACHABLE,
     "the host's engine cannot be reached; see that it runs"},
    {READS | A(PULL), ANSWER_BROKEN, 0, 0, "", RETRY, CODE_ENGINE_UNREACHABLE,
     "the host's engine broke off its answer; see that it runs"},
    {READS, ANSWER_TIMEOUT, 0, 0, "", RETRY, CODE_ENGINE_TIMEOUT,
     "the host's engine did not answer in time; see whether it hangs"},
    {A(STOP) | A(KILL), ANSWER_TIMEOUT, 0, 0, "", VERDICT_UNKNOWN, HANGS},
    {ANY, ANSWER_BROKEN, 0, 0, "", VERDICT_UNKNOWN, CODE_ENGINE_TIMEOUT,
     "the host's engine broke off its answer, and what it did could not be seen; sync the "
     "agent"},
    {ANY, ANSWER_TIMEOUT, 0, 0, "", VERDICT_UNKNOWN, CODE_ENGINE_TIMEOUT,
     "the host's engine did not answer in time, and what it did could not be seen; sync the "
     "agent"},
};

/* What a failure is called where no row knows better. */
static const struct {
    const char *name, *code, *sentence;
} asked_table[ASKED_COUNT] = {
    [ASKED_LOOK] = {"look", CODE_ENGINE_REFUSED, "the engine does not show the container"},
    [ASKED_IMAGE] = {"image", CODE_ENGINE_REFUSED, "the engine does not show the image"},
    [ASKED_PULL] = {"pull", CODE_PULL_FAILED, "the image could not be pulled"},
    [ASKED_NETWORKS] = {"networks", CODE_NETWORK_FAILED, "the engine does not list its networks"},
    [ASKED_NETWORK] = {"network", CODE_NETWORK_FAILED, "the network could not be made"},
    [ASKED_NETWORK_REMOVE] = {"network_remove", CODE_NETWORK_FAILED,
                              "one of two networks of one name could not be removed"},
    [ASKED_CREATE] = {"create", CODE_CREATE_FAILED, "the container could not be made"},
    [ASKED_CONNECT] = {"connect", CODE_NETWORK_FAILED, "the container could not be connected to its network"},
    [ASKED_START] = {"start", CODE_START_FAILED, "the container could not be started"},
    [ASKED_UNPAUSE] = {"unpause", CODE_ENGINE_REFUSED, "the container could not be unpaused"},
    [ASKED_RENAME] = {"rename", CODE_ENGINE_REFUSED, "the container could not be renamed"},
    [ASKED_UPDATE] = {"update", CODE_ENGINE_REFUSED, "the container's restart policy could not be set"},
    [ASKED_STOP] = {"stop", CODE_ENGINE_REFUSED, "the container could not be stopped"},
    [ASKED_KILL] = {"kill", CODE_ENGINE_REFUSED, "the container could not be killed"},
    [ASKED_REMOVE] = {"remove", CODE_REMOVE_FAILED, "the container could not be removed"},
    [ASKED_EXEC] = {"exec", CODE_ENGINE_REFUSED, "nothing could be run inside the container"},
    [ASKED_LIST] = {"list", CODE_ENGINE_REFUSED, "the engine does not list its containers"},
    [ASKED_CHANGES] = {"changes", CODE_ENGINE_REFUSED, "the engine does not tell what the container has written"},
    [ASKED_VOLUMES] = {"volumes", CODE_ENGINE_REFUSED, "the engine does not list its volumes"},
    [ASKED_VOLUME_REMOVE] = {"volume_remove", CODE_PURGE_FAILED, "the volume could not be removed"},
    [ASKED_LOG] = {"log", CODE_ENGINE_REFUSED, "the engine does not show what the container has printed"},
    [ASKED_ENGINE] = {"engine", CODE_ENGINE_REFUSED, "the engine does not tell about itself"},
};

static const char *const verdict_names[] = {
    [VERDICT_DONE] = "done",         [VERDICT_ALREADY] = "already",
    [VERDICT_ABSENT] = "absent",     [VERDICT_CONFLICT] = "conflict",
    [VERDICT_RETRY] = "retry",       [VERDICT_UNKNOWN] = "unknown",
    [VERDICT_REFUSED] = "refused",
};

/* What a sentence names, and where the engine's texts have it.  The first pattern that fits
 * counts; one without a pattern is what is said when none does. */
static const struct finding {
    const char *name, *before, *pattern;
} findings[] = {
    {"{port}", "port ", "listen (?<protocol>udp|tcp)[46]? \\S*?:(?<value>\\d+): bind"},
    {"{port}", "port ", "host port(?: for)? \\S*?:(?<value>\\d+)(?::\\S*)?/(?<protocol>udp|tcp)"},
    {"{port}", "port ", "Bind for \\S*:(?<value>\\d+) failed"},
    {"{port}", "port ", "exposing port (?:udp|tcp) \\S*?:(?<value>\\d+)"},
    {"{port}", "a port of the server", NULL},
    {"{address}", "", "listen (?:udp|tcp)[46]? \\[(?<value>[0-9a-f:.%]+)\\]:\\d+: bind"},
    {"{address}", "", "listen (?:udp|tcp)[46]? (?<value>[0-9.]+):\\d+: bind"},
    {"{address}", "", "host port(?: for)? \\[?(?<value>[0-9a-f:.%]+?)\\]?:\\d+(?:/|:\\S)"},
    {"{address}", "what a port of the server names", NULL},
    {"{image}", "", "manifest for (?<value>\\S+) not found"},
    {"{image}", "", "no such image: (?<value>[^\\s,]+)"},
    {"{image}", "", "access denied for (?<value>[^\\s,]+)"},
    {"{image}", "", "failed to resolve reference \"(?<value>[^\"]+)\""},
    {"{image}", "", "repository (?<value>\\S+) not found"},
    {"{image}", "the image", NULL},
    {"{registry}", "the registry ", "https?://(?<value>[^/\"\\s@]+)"},
    {"{registry}", "the registry ", "lookup (?<value>[^\\s:]+)"},
    {"{registry}", "the registry ", "dial tcp (?<value>[^\\s,]+:\\d+)"},
    {"{registry}", "the registry", NULL},
    {"{path}", "", "bind source path does not exist: (?<value>/.*?)\\s*$"},
    {"{path}", "", "mounting \"(?<value>[^\"]+)\""},
    {"{path}", "a directory of the server", NULL},
    {"{network}", "the network ", "network (?<value>\\S+) not found"},
    {"{network}", "the network ", "network (?<value>\\S+) is ambiguous"},
    {"{network}", "the network ", "in network (?<value>\\S+)"},
    {"{network}", "a network of the server", NULL},
    {"{name}", "the name ", "container name \"/?(?<value>[^\"]+)\""},
    {"{name}", "the container's name", NULL},
    {"{command}", "", "exec: \"(?<value>[^\"]+)\""},
    {"{command}", "the command", NULL},
};
/* clang-format on */

const char *asked_name(enum asked asked)
{
    return asked_table[asked].name;
}

const char *verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
}

/* --- The engine's text ------------------------------------------------------------- */

static char *message_of(const char *body, size_t length)
{
    json_t *object = json_loadb(body, length, 0, NULL);
    char *message = g_strdup(json_string_value(json_object_get(object, "message")));

    json_decref(object);
    return message;
}

/* One line: what comes from outside must not make two of ours. */
static char *dup_line(const char *text, size_t length)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)MIN(length, 4 * TEXT_MAX));
    g_autofree char *cut = g_utf8_strlen(valid, -1) > TEXT_MAX
                               ? g_utf8_substring(valid, 0, TEXT_MAX)
                               : g_strdup(valid);

    for (char *c = cut; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    }
    return g_strdup(g_strstrip(cut));
}

char *verdict_text(const char *body, size_t length)
{
    g_autofree char *message = length > 0 && *body == '{' ? message_of(body, length)
                                                          : NULL;

    if (message != NULL)
        return dup_line(message, strlen(message));
    return length > 0 ? dup_line(body, length) : g_strdup("");
}

char *verdict_answer_text(enum answer answer, int status, const char *body, size_t length,
                          const char *error)
{
    if (answer != ANSWER_HTTP)
        return g_strdup(error);
    return status >= 200 && status < 300 ? NULL : verdict_text(body, length);
}

/* --- Reading the table --------------------------------------------------------------- */

static bool row_fits_text(const struct row *row, const char *lower)
{
    if (row->flags & NO_TEXT)
        return *lower == '\0';
    if (row->flags & WHOLE_TEXT)
        return g_str_equal(lower, row->text);
    return strstr(lower, row->text) != NULL;
}

static const struct row *row_find(enum asked asked, enum answer answer, int status,
                                  const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const struct row *row = &rows[i];
        if (!(row->asked & 1u << asked) || row->answer != answer)
            continue;
        if (answer == ANSWER_HTTP && (status < row->lowest || status > row->highest))
            continue;
        if (row_fits_text(row, lower))
            return row;
    }
    g_assert_not_reached(); /* the last rows take everything */
}

/* "port 27915/udp", or NULL. */
static char *finding_value(const struct finding *finding, const char *text)
{
    if (finding->pattern == NULL)
        return g_strdup(finding->before);

    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GRegex) regex = g_regex_new(finding->pattern, G_REGEX_CASELESS, 0, NULL);
    if (!g_regex_match(regex, text, 0, &match))
        return NULL;

    g_autofree char *value = g_match_info_fetch_named(match, "value");
    g_autofree char *protocol = g_match_info_fetch_named(match, "protocol");
    if (protocol == NULL)
        return g_strconcat(finding->before, value, NULL);
    return g_strconcat(finding->before, value, "/", protocol, NULL);
}

static void fill_in(GString *message, const char *text)
{
    for (size_t i = 0; i < G_N_ELEMENTS(findings); i++) {
        if (strstr(message->str, findings[i].name) == NULL)
            continue;
        g_autofree char *value = finding_value(&findings[i], text);
        if (value != NULL)
            g_string_replace(message, findings[i].name, value, 0);
    }
}

static void refuse(enum asked asked, const struct row *row, const char *text,
                   struct refusal *ret_refusal)
{
    const char *code = row->code ? row->code : asked_table[asked].code;
    g_autoptr(GString) message = g_string_new(
        row->sentence ? row->sentence : asked_table[asked].sentence);

    fill_in(message, text);
    if (*text != '\0' && !(row->flags & HIDE_TEXT))
        g_string_append_printf(message, " (%s)", text);
    refusal_set(ret_refusal, code, "%s", message->str);
}

enum verdict verdict_of(enum asked asked, enum answer answer, int status,
                        const char *text, struct refusal *ret_refusal)
{
    g_autofree char *line = text ? verdict_text(text, strlen(text)) : g_strdup("");
    const struct row *row = row_find(asked, answer, status, line);

    if (row->verdict != VERDICT_DONE && row->verdict != VERDICT_ALREADY)
        refuse(asked, row, line, ret_refusal);
    return row->verdict;
}
