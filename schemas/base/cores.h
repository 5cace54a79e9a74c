/*
 * cores.h - no core dump of a program that holds env values and credentials.
 */
#pragma once

/* Once, early. */
void cores_off(void);
