/*
 * codes.h - the codes of results.
 */
#pragma once

/* Codes of results that programs may branch on.  Lower-case words in `result.code`; the
 * set grows, so a reader treats one that it does not know as "failed". */
#define CODE_OK                   ""
#define CODE_ALREADY_EXISTS       "already_exists" /* create: made by another command */
#define CODE_NAME_CONFLICT        "name_conflict"  /* the name is a foreign container's */
#define CODE_PORT_CONFLICT        "port_conflict"
#define CODE_ADDRESS_NOT_HERE     "address_not_here" /* a port's host_ip is not the host's */
#define CODE_IMAGE_NOT_FOUND      "image_not_found"
#define CODE_REGISTRY_DENIED      "registry_denied"  /* 401, 403, wrong credentials */
#define CODE_REGISTRY_LIMITED     "registry_limited" /* 429, "toomanyrequests" */
#define CODE_REGISTRY_UNREACHABLE "registry_unreachable"
#define CODE_PULL_STALLED         "pull_stalled" /* no bytes for too long */
#define CODE_PULL_FAILED          "pull_failed"
#define CODE_NETWORK_FAILED       "network_failed"
#define CODE_MOUNT_FAILED         "mount_failed" /* a directory could not be made or used */
#define CODE_CREATE_FAILED        "create_failed"
#define CODE_START_FAILED         "start_failed" /* did not come up, or did not stay up */
#define CODE_STOP_TIMEOUT         "stop_timeout" /* still runs after signal and kill */
#define CODE_REMOVE_FAILED        "remove_failed"
#define CODE_PURGE_FAILED         "purge_failed"
#define CODE_SYNC_FAILED          "sync_failed" /* the engine's list did not come whole */
#define CODE_ENGINE_UNREACHABLE   "engine_unreachable"
#define CODE_ENGINE_TIMEOUT       "engine_timeout" /* outcome looked up and still unknown */
#define CODE_WAITING_ENGINE       "waiting_engine" /* progress: waited for beyond patience */
#define CODE_ENGINE_UNSUPPORTED   "engine_unsupported" /* no API version in common */
#define CODE_ENGINE_REFUSED       "engine_refused" /* any other final no of the engine */
#define CODE_DATA_ELSEWHERE       "data_elsewhere" /* the container keeps data of its own */
#define CODE_FORBIDDEN            "forbidden"      /* outside the host's policy */
#define CODE_INVALID              "invalid"        /* the command contradicts itself */
#define CODE_MALFORMED            "malformed"      /* undecodable: a dead letter has it */
#define CODE_UNKNOWN_ACTION       "unknown_action"
#define CODE_UNSUPPORTED          "unsupported" /* a known action that is not carried out */
#define CODE_WRONG_PLACE          "wrong_place" /* key, partition or topic are not its own */
#define CODE_WRONG_AGENT          "wrong_agent"
#define CODE_WRONG_ENGINE         "wrong_engine"
#define CODE_QUEUE_FULL           "queue_full" /* too many of its server wait */
#define CODE_EXPIRED              "expired"
#define CODE_CANCELLED            "cancelled"
#define CODE_TOO_LATE             "too_late"  /* cancel: its target was done */
#define CODE_LOST                 "lost"      /* retention ate the command */
#define CODE_TOO_LARGE            "too_large" /* its topic does not take it */
