/*
 * footprint.h - keeps an idle worker small: thousands of hosts run one beside their games.
 */
#pragma once

/* Once, before any thread: few malloc arenas, and big blocks outside of them. */
void footprint_limit(void);

/* Gives back free heap, and the resident pages of code and constants (librdkafka, libcurl and
 * what they link touch 10 MiB of them for their set-up).  What is still in use is mapped again
 * from the page cache when it is touched, without disk I/O. */
void footprint_trim(void);
