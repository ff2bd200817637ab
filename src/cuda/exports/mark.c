/* SPDX-License-Identifier: Apache-2.0 */
/* What librrto-client.so exports besides the doors' tables: interpose/mark.c looks for it. */
#include "replay/issue.h"

__attribute__((visibility("default"))) void rrto_client_mark(void);

void rrto_client_mark(void)
{
    rrto_issue_mark();
}
