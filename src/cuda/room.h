/* SPDX-License-Identifier: Apache-2.0 */
/* What the server keeps of copies while host functions have not run. Its executor cannot wait for room then, since the
 * op that lets the device go on may be the next one: so this side counts. Any thread. */
#ifndef RRTO_CUDA_ROOM_H
#define RRTO_CUDA_ROOM_H

#include <stdbool.h>
#include <stdint.h>

/* How many bytes the server keeps for a copy of n, in either direction. */
uint64_t rrto_room_kept(uint64_t n_bytes);
/* Whether so many more have room there, of copies that are about to be issued to the stream; they are counted then,
 * until the stream is known to have done them. If not, a copy waits for the functions before it, and its caller for the
 * copy. Not while issuing is held. */
bool rrto_room_take(uint32_t stream, uint64_t n_kept);
/* To be called once for each time that there was room: the last op has this position (0: none was issued). */
void rrto_room_taken(uint32_t stream, uint64_t position);

#endif
