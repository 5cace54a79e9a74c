/*
 * policy_file.h - the file of --policy: what a host narrows further, as JSON.
 *
 * The command line says where data may lie and which images may come (--data-root,
 * --registry); both are required there.  The file only narrows: whatever it says, nothing is
 * allowed that the command line alone would refuse, so that a broken or a forged file opens
 * nothing (but mounters_ignored: whose mounts are no reason not to purge).  Every key may be left
 * out, and then leaves its matter open; what a container is confined to is then as
 * policy_confines.c has it, and the file alone can loosen it.
 *
 *     container_names   ["steam-zomboid-"]       prefixes of containers' names
 *     registries        ["reg:5000/games",       an image has to be in one of these, too; an
 *                        "reg:5000/x@sha256:…"]  entry with a digest allows that one image
 *     require_digest    true                     images by digest alone
 *     host_ports        [[16261, 16400]]         ranges, both ends included; with any, the
 *                                                engine may not choose a port (0) either
 *     networks          ["zomboid-*"]            patterns of names, with * and ?
 *     networks_per_server  {"max": 4}            absent: 16.  Names that could be another network's
 *                                                id (12 to 64 hexadecimal digits) are never taken
 *     host_addresses    ["127.0.0.1"]            that ports are published on, as they are written;
 *                                                "0.0.0.0" stands for a port without one, too
 *     actions           ["start", "stop"]        that are taken; cancel and sync always are
 *     users             {"root": false,          false: a server names its user by a number that is
 *                        "allowed": ["1000:*"]}  not 0 (a name may be root in an image); patterns of
 *                                                users that it may name: then it has to name one
 *     labels            {"max_count": 50, "max_bytes": 16384, "names_forbidden": ["traefik.*"]}
 *     save_commands     ["rcon-cli *"]           patterns of the command's words with blanks
 *                                                between; false: none.  Of a stop, too
 *     mounts            {"max": 8}
 *     mounters_ignored  ["node-exporter"]        patterns of names of containers that hinder no
 *                                                purge, whatever they mount: backup, monitoring
 *     adopt             ["zomboid-*"]            patterns of names of containers that may be
 *                                                adopted, as the engine shows them (the prefixes
 *                                                of container_names hold, too); false: none
 *     env               {"max_count": 200, "max_bytes": 65536, "names_forbidden": ["LD_*"]}
 *     memory_bytes      {"max": 8589934592, "required": true}
 *     nano_cpus         {"max": 4000000000}      1,000,000,000 is one CPU
 *     pids              {"max": 2000,            "default" is for a server that asks for no
 *                        "default": 1000}        limit: 4096 if absent, 0 for none; never above "max"
 *     capabilities      ["CHOWN", "SETUID"]      all that a container has; absent: AUDIT_WRITE,
 *                                                CHOWN, DAC_OVERRIDE, FOWNER, KILL,
 *                                                NET_BIND_SERVICE, SETGID, SETUID; []: none
 *     new_privileges    true                     setuid programs in it work; absent: they do not
 *     logs              {"max_bytes": 10485760,  of a file of the json-file and local drivers, and
 *                        "max_files": 5,         how many: for a server that names none (these, if
 *                        "drivers": ["local"]}   absent), and the most that one may name (absent:
 *                                                any); 0: no bound.  Podman's are left as they are
 *     stop_timeout_s    {"max": 600}             from the signal to SIGKILL
 *     save_timeout_s    {"max": 300}
 *     restart_policies  ["no", "unless-stopped"] of no, always, unless-stopped, on-failure
 *
 * In memory_bytes, nano_cpus and pids a server without a limit is above any "max":
 * "required" is true beside a "max" unless it says false.  A list that allows (all but
 * names_forbidden) must not be empty.  Keys that begin with "//" are remarks, with any value.
 * Unknown keys, keys given twice, and values of another type are errors.
 *
 * deploy/policy.example.json is an example with remarks.
 */
#pragma once

#include "policy.h"

#define POLICY_FILE_BYTES_MAX (1024 * 1024)

#define POLICY_FILE_ERROR (policy_file_error_quark())
GQuark policy_file_error_quark(void);
enum policy_file_error {
    POLICY_FILE_ERROR_SYNTAX, /* no JSON, or a key twice: the message has line and column */
    POLICY_FILE_ERROR_KEY,    /* no such key */
    POLICY_FILE_ERROR_VALUE, /* not what the key takes; the message says what would be */
};

/* Narrows a policy that no file has narrowed yet.  After an error it must not be used.
 * Pure. */
bool policy_file_parse(const char *text, size_t length, struct policy *policy,
                       GError **error);
