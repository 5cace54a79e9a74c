/*
 * shapes.c - the tables: which field of which struct is which field of which schema.
 *
 * One line a field, in the order of contract.h.  A test walks these tables beside the .avsc
 * files, so that none of the three can drift from the others.
 */
#include "shape.h"

#include "contract.h"
#include "words.h"

/* clang-format off */
/* The schema's name of a field is the struct's, except where NAMED says otherwise. */
#define NAMED(name, member, kind, ...) \
    {name, FIELD_##kind, offsetof(struct STRUCT, member), __VA_ARGS__}
#define IS(member, kind)            NAMED(#member, member, kind, NULL, NULL)
#define OF(member, kind, shape)     NAMED(#member, member, kind, &shape_##shape, NULL)
#define WORD(member, words)         NAMED(#member, member, ENUM, NULL, words_##words)
#define BRANCH(name, member, shape) NAMED(name, member, BRANCH, &shape_##shape, NULL)

#define TABLE(type, table, record_name, free_one)                       \
    const struct shape shape_##table = {                                \
        record_name, sizeof(struct type), table##_fields,               \
        G_N_ELEMENTS(table##_fields), free_one,                         \
    };
#define SHAPE(type, table, record_name) TABLE(type, table, record_name, NULL)

/* A shape that stands in arrays needs a destructor of one argument. */
#define ELEMENT(type, table, record_name)                               \
    static void table##_free_one(gpointer value)                        \
    {                                                                   \
        shape_free(&shape_##table, value);                              \
    }                                                                   \
    TABLE(type, table, record_name, table##_free_one)
/* clang-format on */

/* Enums are read and written as int by shape.c and codec.c. */
G_STATIC_ASSERT(sizeof(enum action) == sizeof(int));

/* --- The spec ---------------------------------------------------------------------- */

#define STRUCT pair
static const struct field pair_fields[] = {
    IS(key, STRING),
    IS(value, STRING),
};
ELEMENT(pair, pair, "Pair") /* in memory only: a map has no record */
#undef STRUCT

#define STRUCT network
static const struct field network_fields[] = {
    IS(name, STRING),
    IS(internal, BOOL),
};
ELEMENT(network, network, "Network")
#undef STRUCT

#define STRUCT mount
static const struct field mount_fields[] = {
    IS(host_path, STRING),
    IS(container_path, STRING),
    IS(read_only, BOOL),
    IS(make_directory, BOOL),
};
ELEMENT(mount, mount, "Mount")
#undef STRUCT

#define STRUCT port
static const struct field port_fields[] = {
    IS(host_ip, STRING),
    IS(host_port, LONG),
    IS(container_port, LONG),
    WORD(protocol, protocol),
};
ELEMENT(port, port, "Port")
#undef STRUCT

#define STRUCT stop
static const struct field stop_fields[] = {
    IS(signal, STRING),
    IS(timeout_s, LONG),
    IS(save, STRINGS),
    IS(save_timeout_s, LONG),
};
SHAPE(stop, stop, "Stop")
#undef STRUCT

#define STRUCT resources
static const struct field resources_fields[] = {
    IS(memory_bytes, LONG),
    IS(nano_cpus, LONG),
    IS(pids, LONG),
};
SHAPE(resources, resources, "Resources")
#undef STRUCT

#define STRUCT tmpfs
static const struct field tmpfs_fields[] = {
    IS(container_path, STRING),
    IS(size_bytes, LONG),
    IS(mode, STRING),
    IS(exec, BOOL),
};
ELEMENT(tmpfs, tmpfs, "Tmpfs")
#undef STRUCT

#define STRUCT ulimit
static const struct field ulimit_fields[] = {
    IS(name, STRING),
    IS(soft, LONG),
    IS(hard, LONG),
};
ELEMENT(ulimit, ulimit, "Ulimit")
#undef STRUCT

#define STRUCT logging
static const struct field logging_fields[] = {
    IS(driver, STRING),
    IS(options, PAIRS),
};
SHAPE(logging, logging, "Logging")
#undef STRUCT

#define STRUCT health_check
static const struct field health_check_fields[] = {
    IS(test, STRINGS),        IS(interval_s, LONG), IS(timeout_s, LONG),
    IS(start_period_s, LONG), IS(retries, LONG),
};
SHAPE(health_check, health_check, "HealthCheck")
#undef STRUCT

#define STRUCT volume
static const struct field volume_fields[] = {
    IS(name, STRING),
    IS(container_path, STRING),
    IS(read_only, BOOL),
};
ELEMENT(volume, volume, "Volume")
#undef STRUCT

/* A command's spec has env with its values, a Record's has the names alone; all else is one
 * list for both. */
#define STRUCT spec
/* clang-format off */
#define SPEC_FIELDS(env_field)                                          \
    {                                                                   \
        IS(server_name, STRING),                                        \
        IS(container, STRING),                                          \
        IS(data_dir, STRING),                                           \
        IS(image, STRING),                                              \
        IS(image_tag, STRING),                                          \
        IS(digest, STRING),                                             \
        env_field,                                                      \
        IS(labels, PAIRS),                                              \
        OF(networks, RECORDS, network),                                 \
        OF(mounts, RECORDS, mount),                                     \
        OF(ports, RECORDS, port),                                       \
        IS(restart_policy, STRING),                                     \
        OF(stop, RECORD, stop),                                         \
        OF(resources, RECORD, resources),                               \
        IS(owner, STRING),                                              \
        IS(user, STRING),                                               \
        IS(entrypoint, STRINGS),                                        \
        IS(command, STRINGS),                                           \
        IS(open_stdin, BOOL),                                           \
        IS(tty, BOOL),                                                  \
        IS(hostname, STRING),                                           \
        OF(tmpfs, RECORDS, tmpfs),                                      \
        IS(shm_bytes, LONG),                                            \
        OF(ulimits, RECORDS, ulimit),                                   \
        OF(logging, RECORD, logging),                                   \
        OF(health, RECORD, health_check),                               \
        OF(volumes, RECORDS, volume),                                   \
        OF(kept, RECORDS, volume),                                      \
        IS(disposable, STRINGS),                                        \
        IS(adopt, STRING_OPTIONAL),                                     \
    }
/* clang-format on */
static const struct field spec_fields[] = SPEC_FIELDS(IS(env, SECRETS));
SHAPE(spec, spec, "Spec")
static const struct field recorded_spec_fields[] = SPEC_FIELDS(
    NAMED("env_names", env, PAIR_KEYS, NULL, NULL));
SHAPE(spec, recorded_spec, "RecordedSpec")
#undef STRUCT

/* --- Command ----------------------------------------------------------------------- */

#define STRUCT options
static const struct field options_fields[] = {
    WORD(pull, pull),    IS(start, BOOL),    IS(fresh, BOOL),
    IS(skip_save, BOOL), IS(unmarked, BOOL),
};
SHAPE(options, options, "Options")
#undef STRUCT

#define STRUCT command
static const struct field command_fields[] = {
    IS(command_id, STRING),
    IS(agent_id, STRING),
    IS(engine_id, STRING_OPTIONAL),
    IS(server_id, STRING_OPTIONAL),
    IS(action, STRING),
    IS(issued_at, LONG),
    IS(expires_at, LONG),
    IS(actor, STRING),
    IS(reason, STRING),
    OF(spec, RECORD_OPTIONAL, spec),
    OF(options, RECORD, options),
    IS(target, STRING_OPTIONAL),
};
SHAPE(command, command, "Command")
#undef STRUCT

/* --- Event ------------------------------------------------------------------------- */

#define STRUCT cause
static const struct field cause_fields[] = {
    IS(command_id, STRING), IS(action, STRING),  IS(actor, STRING),
    IS(topic, STRING),      IS(partition, LONG), IS(offset, LONG_OPTIONAL),
};
SHAPE(cause, cause, "Cause")
#undef STRUCT

#define STRUCT server_record
static const struct field server_record_fields[] = {
    IS(name, STRING),
    IS(profile, STRING),
    IS(image, STRING_OPTIONAL),
    IS(image_tag, STRING),
    IS(game_port, LONG),
    IS(udp_port, LONG),
    IS(rcon_port, LONG),
    IS(server_data_path, STRING_OPTIONAL),
    IS(config_names, STRINGS),
    IS(status, STRING),
    IS(container_id, STRING_OPTIONAL),
    IS(data_exists, MAYBE),
    IS(created_at, LONG),
    IS(updated_at, LONG),
    IS(deleted_at, LONG_OPTIONAL),
    IS(on_missing, STRING_OPTIONAL),
    OF(spec, RECORD_OPTIONAL, recorded_spec),
};
SHAPE(server_record, server_record, "ServerRecord")
#undef STRUCT

#define STRUCT agent_record
static const struct field agent_record_fields[] = {
    IS(name, STRING),
    IS(steam_zomboid_registry, STRING),
    IS(server_data_path, STRING),
    IS(engine_id, STRING_OPTIONAL),
    IS(partitions, LONG),
    IS(on_missing, STRING),
    IS(created_at, LONG),
    IS(updated_at, LONG),
};
SHAPE(agent_record, agent_record, "AgentRecord")
#undef STRUCT

#define STRUCT record
static const struct field record_fields[] = {
    WORD(kind, record_kind),
    OF(server, RECORD_OPTIONAL, server_record),
    OF(agent, RECORD_OPTIONAL, agent_record),
    IS(expires_at, LONG_OPTIONAL),
    OF(options, RECORD_OPTIONAL, options),
    IS(target, STRING_OPTIONAL),
    IS(reason, STRING),
    IS(code, STRING),
    IS(actor, STRING),
    IS(changed, STRINGS),
};
SHAPE(record, record, "Record")
#undef STRUCT

#define STRUCT mounted
static const struct field mounted_fields[] = {
    IS(type, STRING),           IS(name, STRING),    IS(source, STRING),
    IS(container_path, STRING), IS(read_only, BOOL),
};
ELEMENT(mounted, mounted, "Mounted")
#undef STRUCT

#define STRUCT state
static const struct field state_fields[] = {
    WORD(status, container_status), IS(container_id, STRING_OPTIONAL),
    IS(container, STRING),          IS(image, STRING),
    IS(image_id, STRING),           OF(ports, RECORDS, port),
    IS(started_at, LONG_OPTIONAL),  IS(finished_at, LONG_OPTIONAL),
    IS(exit_code, LONG_OPTIONAL),   IS(oom_killed, BOOL),
    IS(restart_count, LONG),        IS(health, STRING),
    IS(command_id, STRING),         IS(spec_digest, STRING),
    IS(data_exists, MAYBE),         IS(remarks, STRINGS),
    OF(mounts, RECORDS, mounted),
};
SHAPE(state, state, "State")
#undef STRUCT

#define STRUCT step_report
static const struct field step_report_fields[] = {
    IS(name, STRING),
    IS(did, STRING),
    IS(ms, LONG),
    IS(retries, LONG),
};
ELEMENT(step_report, step_report, "StepReport")
#undef STRUCT

#define STRUCT result
static const struct field result_fields[] = {
    WORD(outcome, outcome),
    IS(code, STRING),
    IS(message, STRING),
    OF(steps, RECORDS, step_report),
    IS(recovered, BOOL),
    IS(already, BOOL),
    IS(rolled_back, BOOL),
    IS(drift, BOOL),
    IS(data_exists, MAYBE),
    IS(data_empty, BOOL),
    IS(saved, MAYBE),
    IS(killed, MAYBE),
    OF(state, RECORD_OPTIONAL, state),
};
SHAPE(result, result, "Result")
#undef STRUCT

#define STRUCT listed
static const struct field listed_fields[] = {
    IS(server_id, STRING),
    OF(state, RECORD, state),
};
ELEMENT(listed, listed, "Listed")
#undef STRUCT

#define STRUCT found
static const struct field found_fields[] = {
    IS(server_id, STRING),    IS(container_id, STRING),   IS(name, STRING),
    IS(status, STRING),       IS(image, STRING),          OF(mounts, RECORDS, mounted),
    OF(ports, RECORDS, port), IS(env_names, STRINGS),     IS(entrypoint, STRINGS),
    IS(command, STRINGS),     IS(restart_policy, STRING),
};
ELEMENT(found, found, "Found")
#undef STRUCT

#define STRUCT sync
static const struct field sync_fields[] = {
    IS(sync_id, STRING),
    IS(partition, LONG),
    IS(partitions, LONG),
    WORD(reason, sync_reason),
    IS(listed_at, LONG),
    IS(complete, BOOL),
    IS(chunk, LONG),
    IS(chunks, LONG),
    IS(seen, LONG),
    OF(servers, RECORDS, listed),
    IS(pending, STRINGS),
    IS(unknown, STRINGS),
    OF(extra, RECORDS, found),
    OF(unmanaged, RECORDS, found),
    OF(data, RECORDS, found),
    IS(others, STRINGS),
    IS(code, STRING),
    IS(message, STRING),
};
SHAPE(sync, sync, "Sync")
#undef STRUCT

#define STRUCT event
static const struct field event_fields[] = {
    IS(event_id, STRING),
    IS(agent_id, STRING),
    IS(server_id, STRING_OPTIONAL),
    IS(worker, STRING),
    IS(engine_id, STRING),
    IS(at, LONG),
    OF(cause, RECORD_OPTIONAL, cause),
    BRANCH("body", record, record),
    BRANCH("body", result, result),
    BRANCH("body", state, state),
    BRANCH("body", sync, sync),
};
SHAPE(event, event, "Event")
#undef STRUCT

/* --- Beside the log ---------------------------------------------------------------- */

#define STRUCT heartbeat
static const struct field heartbeat_fields[] = {
    IS(agent_id, STRING),       IS(worker, STRING),
    IS(engine_id, STRING),      IS(at, LONG),
    IS(interval_ms, LONG),      IS(started_at, LONG),
    IS(host, STRING),           IS(version, STRING),
    IS(engine_version, STRING), IS(partitions, STRINGS),
    IS(reads, STRINGS),         IS(queued, LONG),
    IS(draining, BOOL),
};
SHAPE(heartbeat, heartbeat, "Heartbeat")
#undef STRUCT

#define STRUCT deadletter
static const struct field deadletter_fields[] = {
    IS(agent_id, STRING), IS(worker, STRING), IS(at, LONG),     IS(topic, STRING),
    IS(partition, LONG),  IS(offset, LONG),   IS(code, STRING), IS(message, STRING),
    IS(length, LONG),     IS(sha256, STRING), IS(bytes, BYTES),
};
SHAPE(deadletter, deadletter, "Deadletter")
#undef STRUCT
