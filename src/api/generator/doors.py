# SPDX-License-Identifier: Apache-2.0
"""Doors (one preloaded library per SONAME, a jump table in assembly) and fallback stubs (libraries that only must exist)."""

from .client import owner_of, served, symbols_of
from .text import banner

X86_STUB = """\
    .globl {name}
    .type {name}, @function
    .p2align 4
{name}:
    endbr64
    jmp *slots+{offset}(%rip)
    .size {name}, . - {name}
lazy_{index}:
    endbr64
    pushq ${index}
    jmp resolve_and_go
"""

# The caller's arguments stay as they are: integer registers, the vector count in al, xmm0-7, and everything on the stack.
X86_COMMON = """\
    .p2align 4
resolve_and_go:
    pushq %rax
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %r8
    pushq %r9
    pushq %r10
    subq $128, %rsp
    movups %xmm0, 0(%rsp)
    movups %xmm1, 16(%rsp)
    movups %xmm2, 32(%rsp)
    movups %xmm3, 48(%rsp)
    movups %xmm4, 64(%rsp)
    movups %xmm5, 80(%rsp)
    movups %xmm6, 96(%rsp)
    movups %xmm7, 112(%rsp)
    call rrto_door_resolve
    movups 0(%rsp), %xmm0
    movups 16(%rsp), %xmm1
    movups 32(%rsp), %xmm2
    movups 48(%rsp), %xmm3
    movups 64(%rsp), %xmm4
    movups 80(%rsp), %xmm5
    movups 96(%rsp), %xmm6
    movups 112(%rsp), %xmm7
    addq $128, %rsp
    popq %r10
    popq %r9
    popq %r8
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rax
    popq %r11
    pushq %rax
    leaq slots(%rip), %rax
    movq (%rax,%r11,8), %r11
    popq %rax
    jmp *%r11
"""

ARM_STUB = """\
    .globl {name}
    .type {name}, %function
    .p2align 2
{name}:
    hint #34
    adrp x16, slots+{offset}
    ldr x16, [x16, #:lo12:slots+{offset}]
    br x16
    .size {name}, . - {name}
lazy_{index}:
    hint #34
    mov w17, #{index}
    b resolve_and_go
"""

ARM_COMMON = """\
    .p2align 2
resolve_and_go:
    stp x29, x30, [sp, #-224]!
    mov x29, sp
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    stp x8, x17, [sp, #80]
    stp q0, q1, [sp, #96]
    stp q2, q3, [sp, #128]
    stp q4, q5, [sp, #160]
    stp q6, q7, [sp, #192]
    bl rrto_door_resolve
    ldp x0, x1, [sp, #16]
    ldp x2, x3, [sp, #32]
    ldp x4, x5, [sp, #48]
    ldp x6, x7, [sp, #64]
    ldp x8, x17, [sp, #80]
    ldp q0, q1, [sp, #96]
    ldp q2, q3, [sp, #128]
    ldp q4, q5, [sp, #160]
    ldp q6, q7, [sp, #192]
    ldp x29, x30, [sp], #224
    adrp x16, slots
    add x16, x16, #:lo12:slots
    ldr x16, [x16, x17, lsl #3]
    br x16
"""


def failure_of(description, name):
    """What a symbol returns when the client library cannot be opened: 's'tatus, 'z'ero or 't'ext."""
    for call in description.calls:
        if call.name == name and call.ret.split()[-1] != description.library.status:
            return "t" if call.ret == "const char *" else "z"
    return "s"


def door_s(api, description):
    library = description.library
    names = symbols_of(api, description)
    out = [banner(f"The door of {library.soname}.", f"src/api/{description.stem}.api"), "    .text"]
    for machine, stub, common in (("__x86_64__", X86_STUB, X86_COMMON), ("__aarch64__", ARM_STUB, ARM_COMMON)):
        out.append(f"#{'if' if machine == '__x86_64__' else 'elif'} defined({machine})")
        out += [stub.format(name=name, index=i, offset=8 * i) for i, name in enumerate(names)]
        out.append(common)
    out += ["#else", '#error "no door for this machine yet"', "#endif", ""]
    out += ["    .data", "    .p2align 3", "    .hidden rrto_door_slots", "    .globl rrto_door_slots", "rrto_door_slots:", "slots:"]
    out += [f"    .quad lazy_{i}" for i in range(len(names))]
    out += ["", '    .section .rodata, "a"', "    .hidden rrto_door_names", "    .globl rrto_door_names",
            "rrto_door_names: /* in the order of the slots, sorted */"]
    out += [f'    .asciz "{name}"' for name in names]
    out += ["    .hidden rrto_door_failures", "    .globl rrto_door_failures", "rrto_door_failures:",
            f'    .ascii "{"".join(failure_of(description, n) for n in names)}"', "    .hidden rrto_door_library", "    .globl rrto_door_library",
            "rrto_door_library:", f'    .asciz "{library.name}"', "    .p2align 3", "    .hidden rrto_door_n", "    .globl rrto_door_n", "rrto_door_n:",
            f"    .quad {len(names)}", "    .hidden rrto_door_status", "    .globl rrto_door_status", "rrto_door_status:",
            f"    .long {library.codes['forked']}", "", '    .section .note.GNU-stack, "", %progbits', ""]
    return "\n".join(out)


def map_text(node, names):
    head = f"{node} {{" if node != "-" else "{"
    rows = ["  global:"] + [f"    {name};" for name in names] if names else []
    return "\n".join([head] + rows + ["  local:", "    *;", "};", ""])


def fallback_symbols(api, library):
    """Symbols of its node, and unversioned ones with its prefix (an unversioned reference takes a versioned definition)."""
    names = set(api.symbols.get(library.node, set())) if library.node != "-" else set()
    names |= {n for n in api.symbols.get("-", set()) if owner_of(n) == library.name}
    return sorted(names | set(library.extra))


def fallback_c(api, library):
    out = [banner(f"A stand-in for {library.soname}: it must exist, nothing in it works.", "src/api/fallback.api"), '#include "fallback.h"', "",
           f'RRTO_FALLBACK("{library.soname}")', ""]
    for name in fallback_symbols(api, library):
        if name in library.texts:
            out.append(f"RRTO_FALLBACK_TEXT({name})")
        else:
            value = -1 if name in library.minus_one else library.codes["unsupported"]
            out.append(f"RRTO_FALLBACK_STATUS({name}, {value})")
    return "\n".join(out + [""])


def sonames_h(api):
    """The names that the dlopen wrapper knows, exactly."""
    out = [banner("The libraries that have a door."), "static const struct {", "    const char *name, *door;", "} doors[] = {"]
    for description in served(api):
        soname = description.library.soname
        plain = soname[:soname.index(".so") + 3]
        out += [f'    {{"{soname}", "{soname}"}},', f'    {{"{plain}", "{soname}"}},']
    return "\n".join(out + ["};", ""])


def files(api):
    result = {"door_names.h": sonames_h(api)}
    for description in served(api):
        soname = description.library.soname
        result[f"door_{soname}.S"] = door_s(api, description)
        result[f"door_{soname}.map"] = map_text(description.library.node, symbols_of(api, description))
    for description in api.descriptions:
        for library in description.fallbacks:
            result[f"fallback_{library.soname}.c"] = fallback_c(api, library)
            result[f"fallback_{library.soname}.map"] = map_text(library.node, fallback_symbols(api, library))
    return result
