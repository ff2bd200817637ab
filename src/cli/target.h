/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at a command before it is started: whether it can be found, executed, and reached by preloaded libraries. */
#ifndef RRTO_CLI_TARGET_H
#define RRTO_CLI_TARGET_H

#include <stddef.h>

enum rrto_target_kind {
    RRTO_TARGET_FINE,   /* a dynamic program of this machine, or a script that such a program runs */
    RRTO_TARGET_STATIC, /* works, but its own calls cannot be seen; its children's can */
    RRTO_TARGET_NOT_FOUND,
    RRTO_TARGET_NOT_EXECUTABLE,
    RRTO_TARGET_PRIVILEGED, /* setuid, setgid or with capabilities: the loader ignores LD_PRELOAD */
    RRTO_TARGET_FOREIGN,    /* 32-bit, or of another machine */
};

/* command: as a shell would be given it; without a '/' it is looked up in PATH. Scripts: the interpreter of the #! line
 * is looked at too (through env). ret_why gets one sentence unless the result is RRTO_TARGET_FINE. */
enum rrto_target_kind rrto_target_inspect(const char *command, char *ret_why, size_t n_why);

#endif
