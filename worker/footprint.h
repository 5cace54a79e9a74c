/*
 * footprint.h - keeps an idle worker small: thousands of hosts run one beside their games.
 */
#pragma once

/* Once, before any thread: few malloc arenas. */
void footprint_limit(void);

/* Gives back what only the start needed: free heap, and the resident pages of program text
 * (librdkafka, libcurl and what they link touch 10 MiB of it for their set-up).  Text that is
 * still in use is mapped again from the page cache at its next call, without disk I/O. */
void footprint_trim(void);
