/*
 * crash.h - places at which a test may end the process.
 *
 * A point stands between two effects: whoever is killed there has done the one and not the
 * other, and the next life has to go on from that.  Points cost nothing: without
 * -DMUSTER_CRASH_POINTS=ON they are not compiled.  With it,
 *
 *     MUSTER_CRASH_AT=N        the process ends by SIGKILL at the Nth point that it passes
 *     MUSTER_CRASH_AT=NAME:K   at the Kth passing of the point of that name
 *     MUSTER_CRASH_LOG=FILE    the name of each point that is passed, a line each
 *
 * The sweep (tests/integration/test_worker_sweep.py) lets a worker write such a log once, and
 * then kills one at each of its points.
 *
 * From any thread; the order of the log is the order that counts.
 */
#pragma once

#ifdef MUSTER_CRASH_POINTS
void crash_point(const char *name);
/* The point "name.which": of a step, of a request. */
void crash_point_of(const char *name, const char *which);
#else
# define crash_point(name)           ((void)0)
# define crash_point_of(name, which) ((void)0)
#endif
