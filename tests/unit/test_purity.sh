#!/usr/bin/env bash
# test_purity - pure libraries reach for nothing of the world.
#
#   tests/unit/test_purity.sh LIBRARY.a...
#
# Fails on any undefined symbol of a static library that opens a socket or a file, asks a
# clock, waits, makes a process or a thread, reads the environment, draws a random number, or
# belongs to a library that does (libcurl, librdkafka, SQLite).  Parsing and printing in
# memory is fine, and so is GLib's and jansson's part that does only that.

set -euo pipefail

world=(
    # sockets and files
    'socket(pair)?' bind listen 'accept4?' connect shutdown 'send(to|msg|mmsg|file)?'
    'recv(from|msg|mmsg)?' 'getaddrinfo|gethostby.*' '__?(open|openat|creat)(64)?(_2)?'
    '(open|openat|openat2|creat)(64)?' close 'p?(read|write)v?(64)?' '__p?read(64)?_chk'
    'f(d|re)?open(64)?' fclose 'f(read|write|puts|putc|gets|getc|printf|scanf|flush)(_unlocked)?'
    '__v?fprintf_chk' puts putchar 'v?printf' '__v?printf_chk' perror syscall ioctl 'fcntl(64)?'
    'f?l?stat(at|x)?(64)?' 'mkdir(at)?' 'rmdir' 'unlink(at)?' 'rename(at2?)?' 'link(at)?'
    'symlink(at)?' 'readlink(at)?' 'opendir|readdir(64)?|scandir(64)?' chdir 'f?chmod|f?chown'
    flock fsync mmap 'mkstemp(64)?' poll select 'epoll_.*' 'eventfd' 'inotify_.*' 'timerfd_.*'
    # clocks and waits
    time gettimeofday 'clock_.*' 'u?sleep' nanosleep 'localtime(_r)?' tzset ftime
    # processes, threads, signals, environment, chance
    fork execv.* execl.* posix_spawn.* system popen kill raise 'signal|sigaction' 'wait(pid|id|3|4)?'
    'pthread_create' 'secure_getenv|getenv|setenv|putenv' 'getpid|getuid|gethostname' getrandom
    'rand(_r)?|random|s?rand48.*|arc4random.*'
    # GLib's and jansson's doors to the same
    'g_file_(?!error).*' 'g_(f|re)?open' 'g_(mk|rm|un|ch|a)?(dir(?!ect_)|link|access|stat|lstat).*' 'g_dir_.*'
    'g_get_(real|monotonic|current)_time' 'g_get_(home|tmp|user|host|environ|prgname|current_dir).*'
    'g_date_time_new_now.*' 'g_timer_.*' 'g_timeout_.*' 'g_idle_.*' 'g_main_.*' 'g_usleep' 'g_spawn.*'
    'g_thread_(new|try_new|pool.*)' 'g_async_queue.*' 'g_(get|set|unset)env' 'g_random_.*' 'g_rand_.*'
    'g_uuid_string_random' 'g_io_channel.*' 'g_socket.*' 'g_inet.*' 'g_network.*' 'g_print(err)?'
    'g_log(v|_structured.*)?' 'g_message|g_warning|g_error' 'json_(load|dump)(_file|f|fd)' 'json_dump_callback'
    # libraries
    'curl_.*' 'rd_kafka_.*' 'sqlite3_.*' 'avro_.*' 'MHD_.*' 'sd_.*'
)

[ $# -gt 0 ] || { sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
pattern="^($(IFS='|'; echo "${world[*]}"))$"
status=0
for library in "$@"; do
    symbols=$(nm -u "$library" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u)
    [ -n "$symbols" ] || { echo "$library has no undefined symbols: is it a static library?"; exit 1; }
    if found=$(grep -P "$pattern" <<<"$symbols"); then
        echo "$library is not pure, it uses:"
        nm -A -u "$library" | grep -wF "$found" | sed 's/^/    /'
        status=1
    fi
done
exit $status
