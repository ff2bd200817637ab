/* SPDX-License-Identifier: Apache-2.0 */
/* The arena's addresses on this side: ranges that are free here are held while the server chooses one of them, so that
 * nothing else can take it meanwhile (SEMANTICS rule 11). */
#ifndef RRTO_REPLAY_CLAIM_H
#define RRTO_REPLAY_CLAIM_H

#include "wire/control.h"

struct rrto_claim {
    uint32_t n;
    struct rrto_control_range held[RRTO_CONTROL_MAX_CANDIDATES];
};

/* Holds as many candidates as can be had, the best first. */
void rrto_claim_candidates(struct rrto_claim *claim);
/* Keeps [base, base + n_bytes), which has to lie in one candidate, and gives everything else back. False: it does not.
 */
bool rrto_claim_keep(struct rrto_claim *claim, uint64_t base, uint64_t n_bytes);

#endif
