/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker may still ask of the system once its device is open. It executes what a client sends, on a driver and
 * libraries of which nobody here has read a line: what it does not need, it cannot do. */
#ifndef RRTO_SERVER_SANDBOX_H
#define RRTO_SERVER_SANDBOX_H

/* For the whole process, for good: no programs are started, no other process is looked into, no connection is made
 * beside the ones that are open, no file outside /dev and /proc is made or written, nothing of the system is changed.
 * What the kernel does not offer is left out, with a line in the log. Call it when the driver has started (starting it
 * may need more) and before the worker's own threads start: those that exist already keep the right to write files. */
void rrto_sandbox_enter(void);

#endif
