/* SPDX-License-Identifier: Apache-2.0 */
/* Which rrto this is. */
#ifndef RRTO_BASE_VERSION_H
#define RRTO_BASE_VERSION_H

/* "0.1.0". Any thread. */
const char *rrto_version(void);
/* What client and server compare in the hello: the commit (at most 15 characters), or the version outside a repository.
 * Any thread. */
const char *rrto_build_id(void);

#endif
