# SPDX-License-Identifier: Apache-2.0
"""ops.h and ops.c: argument structs, pack and unpack, and the tables that the printer, tokens and keys walk."""

from .model import OP_FLAGS, OP_HEADER_BYTES, SCALARS, SCALAR_BYTES
from .text import banner

FIELD_C = {"dev": "uint64_t", "id": "uint32_t", "new": "uint32_t", "del": "uint32_t", "scalar": "struct rrto_scalar",
           "result": "struct rrto_result"}


def members(fields):
    """The struct members of a list of fields."""
    out = []
    for field in fields:
        if field.wire == "array":
            out.append(f"    const {SCALARS[field.element][1]} *{field.name};\n    uint32_t n_{field.name};")
        elif field.wire == "content":
            out.append(f"    const uint8_t *{field.name};\n    uint32_t n_{field.name};")
        else:
            out.append(f"    {FIELD_C.get(field.wire) or SCALARS[field.wire][1]} {field.name};")
    return out or ["    uint8_t unused; /* nothing travels */"]


def segments(fields):
    """The fields as a list: runs of fixed fields ([...], bytes) and single varying fields."""
    out = []
    for field in fields:
        if field.n_fixed() is None:
            out.append(field)
        elif out and isinstance(out[-1], list):
            out[-1].append(field)
        else:
            out.append([field])
    return out


def run_bytes(run):
    return sum(f.n_fixed() for f in run)


def store_run(run, at, offset):
    """C statements that store a run of fixed fields at `at` + offset."""
    out = []
    for f in run:
        if f.wire == "scalar":
            out.append(f"    put_scalar({at} + {offset}, &args->{f.name});")
        elif f.wire == "result":
            out.append(f"    put_result({at} + {offset}, &args->{f.name});")
        else:
            out.append(f"    memcpy({at} + {offset}, &args->{f.name}, {f.n_fixed()});")
        offset += f.n_fixed()
    return out


def load_run(run, at):
    out, offset = [], 0
    for f in run:
        if f.wire == "scalar":
            out.append(f"        get_scalar(dec, {at} + {offset}, &ret_args->{f.name});")
        elif f.wire == "result":
            out.append(f"        get_result(dec, {at} + {offset}, &ret_args->{f.name});")
        else:
            out.append(f"        memcpy(&ret_args->{f.name}, {at} + {offset}, {f.n_fixed()});")
        offset += f.n_fixed()
    return out


def element_bytes(field):
    return 1 if field.wire == "content" else SCALARS[field.element][0]


def pack_body(fields, header, finish):
    """All room is taken at once, what there is to write is written, and what was not needed is given back. header: bytes in front of the
    fields; finish: the statement that ends the function, with {n} for the bytes that were written."""
    parts = segments(fields)
    head = parts.pop(0) if parts and isinstance(parts[0], list) else []
    n_head = header + run_bytes(head)
    runs, arrays = [p for p in parts if isinstance(p, list)], [p for p in parts if not isinstance(p, list)]
    n_fixed = n_head + sum(run_bytes(p) for p in runs)
    room = [str(n_fixed)] if n_fixed else []
    room += [f"rrto_array_room(args->n_{p.name}, {element_bytes(p)})" for p in arrays]
    out = [f"    uint8_t *start = rrto_buf_reserve(buf, {' + '.join(room)});"]
    out += ["    if (!start)", "        return;"]
    out += store_run(head, "start", header)
    for i, part in enumerate(parts):
        at = "at" if i > 0 else f"start + {n_head}" if n_head else "start"
        if not isinstance(part, list):
            to = "at" if i > 0 else "uint8_t *at"
            out.append(f"    {to} = rrto_put_array({at}, start, args->{part.name}, args->n_{part.name}, {element_bytes(part)});")
        else:
            out += store_run(part, "at", 0) + [f"    at += {run_bytes(part)};"]
    out.append("    " + finish.format(n="(size_t)(at - start)" if arrays else n_head))
    return out


def unpack_body(fields, first):
    out = ["    memset(ret_args, 0, sizeof *ret_args);"]
    parts = segments(fields)
    head = parts.pop(0) if parts and isinstance(parts[0], list) else []
    more = any(isinstance(p, list) for p in parts)
    if head or more:
        out.append(f"    const uint8_t *at = {first.format(n=run_bytes(head))};")
    else:
        out.append(f"    {first.format(n=0)};")
    if head:
        out += ["    if (at) {"] + load_run(head, "at") + ["    }"]
    for part in parts:
        if isinstance(part, list):
            out += [f"    at = rrto_get_bytes(dec, {run_bytes(part)});", "    if (at) {"] + load_run(part, "at") + ["    }"]
        else:
            out.append(f"    ret_args->{part.name} = rrto_get_array(dec, {element_bytes(part)}, &ret_args->n_{part.name});")
    return out


def op_functions(op):
    name = op.name
    reads = ["    (void)args;"] if not op.fields else []
    out = [f"void rrto_pack_{name}(struct rrto_buf *buf, const struct rrto_args_{name} *args)", "{"]
    out += reads + pack_body(op.fields, OP_HEADER_BYTES, f"close_op(buf, start, RRTO_OP_{name}, {{n}});") + ["}", ""]
    out += [f"bool rrto_unpack_{name}(struct rrto_dec *dec, struct rrto_args_{name} *ret_args)", "{"]
    out += unpack_body(op.fields, f"enter_op(dec, RRTO_OP_{name}, {{n}})") + ["    return leave(dec);", "}", ""]
    if op.replies:
        out += [f"void rrto_pack_reply_{name}(struct rrto_buf *buf, const struct rrto_reply_{name} *args)", "{"]
        out += pack_body(op.replies, 0, "buf->size += {n};") + ["}", ""]
        out += [f"bool rrto_unpack_reply_{name}(struct rrto_dec *dec, struct rrto_reply_{name} *ret_args)", "{"]
        out += unpack_body(op.replies, "rrto_get_bytes(dec, {n})") + ["    return leave(dec);", "}", ""]
    return "\n".join(out)


def ops_h(api):
    out = [banner("Ops: numbers, arguments, packing."), "#ifndef RRTO_GEN_OPS_H", "#define RRTO_GEN_OPS_H", "",
           '#include "codec/codec.h"', "", "#include <stdio.h>", "", "enum rrto_op {"]
    ops = api.all_ops()
    out += [f"    RRTO_OP_{op.name} = {op.number}," for op in ops]
    out += ["};", f"enum {{ RRTO_OP_NUMBER_MAX = {max((o.number for o in ops), default=0)}, RRTO_OP_COUNT = {len(ops)} }};", "",
            "/* One number in host memory (its bytes, zero padded), or, when device is 1, a device address in the first 8 bytes. */",
            f"struct rrto_scalar {{\n    _Alignas(16) uint8_t bytes[{SCALAR_BYTES}];\n    uint8_t device;\n}};",
            "/* Where a result goes: into the reply, or, when device is 1, to a device address. */",
            "struct rrto_result {\n    uint8_t device;\n    uint64_t address;\n};", ""]
    for op in ops:
        if op.doc:
            out.append(f"/* {op.doc} */")
        out += [f"struct rrto_args_{op.name} {{"] + members(op.fields) + ["};"]
        if op.replies:
            out += [f"struct rrto_reply_{op.name} {{"] + members(op.replies) + ["};"]
    out += ["", "/* Packing appends one op to buf (its size so far must be a multiple of 8) and never fails but by buf->failed. Unpacking reads the op",
            " * that dec holds, header included, and refuses everything that packing would not have written; pointers lead into dec's bytes.",
            " * Replies are alike, without a header. */"]
    for op in ops:
        out += [f"void rrto_pack_{op.name}(struct rrto_buf *buf, const struct rrto_args_{op.name} *args);",
                f"bool rrto_unpack_{op.name}(struct rrto_dec *dec, struct rrto_args_{op.name} *ret_args);"]
        if op.replies:
            out += [f"void rrto_pack_reply_{op.name}(struct rrto_buf *buf, const struct rrto_reply_{op.name} *args);",
                    f"bool rrto_unpack_reply_{op.name}(struct rrto_dec *dec, struct rrto_reply_{op.name} *ret_args);"]
    out += ["", "/* Indexed by op number; unused numbers have no name. */",
            "extern const struct rrto_op_info rrto_op_infos[RRTO_OP_NUMBER_MAX + 1];",
            "/* NULL for bytes that hold no known op. */",
            "const struct rrto_op_info *rrto_op_info_of(const uint8_t *op, size_t n);",
            "/* Whether the bytes are exactly one well-formed op. */",
            "bool rrto_op_check(const uint8_t *op, size_t n);",
            "/* One line, newline included; malformed bytes print as such. */",
            "void rrto_print_op(FILE *file, const uint8_t *op, size_t n);",
            "/* The fingerprint for Operator Sequence Search: op, sizes, descriptors, kernels; no addresses, no slots. Any bytes may be given. */",
            "uint64_t rrto_op_token(const uint8_t *op, size_t n);",
            "/* The key of a `checked` op: the token and how well each address is aligned. */",
            "uint64_t rrto_op_key(const uint8_t *op, size_t n);", "", "#endif", ""]
    return "\n".join(out)


def flags_of(op):
    flags = [f"RRTO_OP_{flag.upper()}" for flag in OP_FLAGS if flag in op.attributes]
    if "memo" in op.attributes:
        flags.append("RRTO_OP_SYNC")
    if op.plain:
        flags.append("RRTO_OP_PLAIN")
    field = object_of(op)
    if "memo" in op.attributes or (field and field.wire == "new"):
        flags.append("RRTO_OP_MAKES")
    if field and field.wire == "del":
        flags.append("RRTO_OP_ENDS")
    return " | ".join(dict.fromkeys(flags)) or "0"


def object_of(op):
    """The field that names what the op makes or ends; not of gates, which belong to one copy."""
    if "makes" in op.attributes or "ends" in op.attributes:
        return op.fields[0]
    return next((field for field in op.fields if field.wire in ("new", "del") and field.kind != "gate"), None)


def object_columns(op, kinds):
    field = object_of(op)
    offset = offset_of(op, field.name) if field else -1
    return f"{offset}, {kinds.index(field.kind) + 1 if field.kind else 0}" if offset >= 0 else "0, 0"


def offset_of(op, name):
    offset = OP_HEADER_BYTES
    for field in op.fields:
        if field.name == name:
            return offset
        if field.n_fixed() is None:
            return -1
        offset += field.n_fixed()
    return -1


def fixed_bytes(op):
    total = OP_HEADER_BYTES
    for field in op.fields:
        if field.n_fixed() is None:
            break
        total += field.n_fixed()
    return total


def spans_of(op):
    """Ranges (offset, bytes) of the leading fixed part that belong to the token, and offsets of addresses."""
    spans, addresses, offset = [], [], OP_HEADER_BYTES
    for field in op.fields:
        n = field.n_fixed()
        if n is None:
            break
        if field.wire == "dev":
            addresses.append(offset)
        counted = n if field.in_token() else 0
        if field.wire in ("scalar", "result"):
            counted = 1  # the mode alone
        if counted:
            if spans and spans[-1][0] + spans[-1][1] == offset:
                spans[-1][1] += counted
            else:
                spans.append([offset, counted])
        offset += n
    return spans, addresses


WIRE_NAMES = {"dev": "DEV", "id": "ID", "new": "NEW", "del": "DEL", "array": "ARRAY", "content": "CONTENT", "scalar": "SCALAR",
              "result": "RESULT"}


def tables(api):
    fields, spans, addresses, rows = [], [], [], []
    names = set()
    for op in api.all_ops():
        first_field, first_span, first_address = len(fields), len(spans), len(addresses)
        n_lead = 0
        leading = True
        for f in op.fields:
            if f.n_fixed() is None:
                leading = False
            n_lead += leading
            wire = WIRE_NAMES.get(f.wire) or f.wire.upper()
            element = f"WIRE_{f.element.upper()}" if f.element else "0"
            kind = f'"{f.kind}"' if f.kind else "NULL"
            token = 1 if f.in_token() else 0
            fields.append(f'    {{"{f.name}", {kind}, WIRE_{wire}, {element}, {token}}},')
        op_spans, op_addresses = spans_of(op)
        spans += [f"    {{{offset}, {n}}}," for offset, n in op_spans]
        addresses += [f"    {offset}," for offset in op_addresses]
        rows.append(f"    [RRTO_OP_{op.name}] = {{{first_field}, {len(fields) - first_field}, {n_lead}, {first_span}, "
                    f"{len(op_spans)}, {first_address}, {len(op_addresses)}}},")
        names.add(op.name)
    return (["static const struct field fields[] = {"] + (fields or ["    {0},"]) + ["};",
            "static const struct span spans[] = {"] + (spans or ["    {0, 0},"]) + ["};",
            "static const uint16_t addresses[] = {"] + (addresses or ["    0,"]) + ["};",
            "static const struct shape shapes[RRTO_OP_NUMBER_MAX + 1] = {"] + rows + ["};", ""])


def ops_c(api):
    out = [banner("The op codec."), '#include "gen/ops.h"', "", "#include <inttypes.h>", "", "#define XXH_INLINE_ALL", "#include <xxhash.h>", ""]
    out.append(PRELUDE)
    out += tables(api)
    out.append("const struct rrto_op_info rrto_op_infos[RRTO_OP_NUMBER_MAX + 1] = {")
    kinds = sorted({field.kind for op in api.all_ops() for field in op.fields if field.wire in ("new", "del")})
    for op in api.all_ops():
        out.append(f'    [RRTO_OP_{op.name}] = {{"{op.name}", "{op.library}", {flags_of(op)}, {offset_of(op, op.attributes.get("stream"))}, '
                   f'{offset_of(op, "n_bytes") if "up" in op.attributes or "down" in op.attributes else -1}, {fixed_bytes(op)}, '
                   f'{object_columns(op, kinds)}}},')
    out += ["};", ""]
    out += [op_functions(op) for op in api.all_ops()]
    out += ["bool rrto_op_check(const uint8_t *op, size_t n)", "{", "    const struct rrto_op_info *info = rrto_op_info_of(op, n);",
            "    if (!info)", "        return false;", "    struct rrto_dec dec;", "    rrto_dec_init(&dec, op, n);",
            "    switch (op_number(op)) {"]
    for op in api.all_ops():
        out += [f"    case RRTO_OP_{op.name}: {{", f"        struct rrto_args_{op.name} args;",
                f"        return rrto_unpack_{op.name}(&dec, &args);", "    }"]
    out += ["    default:", "        return false;", "    }", "}", "", WALKERS]
    return "\n".join(out)


PRELUDE = """\
enum wire {
    WIRE_U8 = 1, WIRE_U16, WIRE_U32, WIRE_U64, WIRE_I32, WIRE_I64, WIRE_F32, WIRE_F64, WIRE_DEV, WIRE_ID, WIRE_NEW, WIRE_DEL, WIRE_ARRAY,
    WIRE_CONTENT, WIRE_SCALAR, WIRE_RESULT
};
struct field {
    const char *name, *kind;
    uint8_t wire, element, in_token;
};
struct span {
    uint16_t offset, n;
};
struct shape {
    uint16_t first_field, n_fields, n_leading /* fields before the first that varies in size */, first_span, n_spans, first_address, n_addresses;
};

static inline uint16_t op_number(const uint8_t *op)
{
    uint16_t number;
    memcpy(&number, op, sizeof number);
    return number;
}

static inline void close_op(struct rrto_buf *buf, uint8_t *start, uint16_t number, size_t n)
{
    struct rrto_op_header header = {number, 0, (uint32_t)(n - RRTO_OP_HEADER_BYTES)};
    memcpy(start, &header, sizeof header);
    buf->size += n;
}

static inline const uint8_t *enter_op(struct rrto_dec *dec, uint16_t number, size_t n)
{
    struct rrto_op_header header = {0};
    const uint8_t *at = rrto_get_bytes(dec, sizeof header);
    if (at)
        memcpy(&header, at, sizeof header);
    if (header.number != number || header.zero || header.n_bytes != (size_t)(dec->end - dec->at))
        dec->failed = true;
    return rrto_get_bytes(dec, n);
}

static inline bool leave(struct rrto_dec *dec)
{
    if (dec->at != dec->end)
        dec->failed = true;
    return !dec->failed;
}

__attribute__((unused)) static inline void put_scalar(uint8_t *at, const struct rrto_scalar *scalar)
{
    at[0] = scalar->device;
    memcpy(at + 1, scalar->bytes, sizeof scalar->bytes);
}

__attribute__((unused)) static inline void get_scalar(struct rrto_dec *dec, const uint8_t *at, struct rrto_scalar *ret_scalar)
{
    ret_scalar->device = at[0];
    memcpy(ret_scalar->bytes, at + 1, sizeof ret_scalar->bytes);
    if (at[0] > 1)
        dec->failed = true;
}

__attribute__((unused)) static inline void put_result(uint8_t *at, const struct rrto_result *result)
{
    at[0] = result->device;
    memcpy(at + 1, &result->address, sizeof result->address);
}

__attribute__((unused)) static inline void get_result(struct rrto_dec *dec, const uint8_t *at, struct rrto_result *ret_result)
{
    ret_result->device = at[0];
    memcpy(&ret_result->address, at + 1, sizeof ret_result->address);
    if (at[0] > 1)
        dec->failed = true;
}
"""

WALKERS = """\
const struct rrto_op_info *rrto_op_info_of(const uint8_t *op, size_t n)
{
    if (n < RRTO_OP_HEADER_BYTES || op_number(op) > RRTO_OP_NUMBER_MAX || !rrto_op_infos[op_number(op)].name)
        return NULL;
    return &rrto_op_infos[op_number(op)];
}

static const uint8_t wire_bytes[] = {
    [WIRE_U8] = 1,  [WIRE_U16] = 2, [WIRE_U32] = 4, [WIRE_U64] = 8, [WIRE_I32] = 4, [WIRE_I64] = 8,     [WIRE_F32] = 4,   [WIRE_F64] = 8,
    [WIRE_DEV] = 8, [WIRE_ID] = 4,  [WIRE_NEW] = 4, [WIRE_DEL] = 4, [WIRE_ARRAY] = 0, [WIRE_CONTENT] = 0, [WIRE_SCALAR] = 17, [WIRE_RESULT] = 9,
};

/* The bytes of the next field. Arrays: *ret_n is their size without the count. */
static const uint8_t *next_field(struct rrto_dec *dec, const struct field *field, size_t *ret_n)
{
    if (field->wire == WIRE_ARRAY || field->wire == WIRE_CONTENT) {
        size_t element = field->wire == WIRE_ARRAY ? wire_bytes[field->element] : 1;
        uint32_t count;
        const uint8_t *at = rrto_get_array(dec, element, &count);
        *ret_n = count * element;
        return at;
    }
    *ret_n = wire_bytes[field->wire];
    return rrto_get_bytes(dec, *ret_n);
}

static void print_number(FILE *file, uint8_t wire, const uint8_t *at)
{
    uint64_t bits = 0;
    memcpy(&bits, at, wire_bytes[wire]);
    float f32;
    double f64;
    switch (wire) {
    case WIRE_I32:
        fprintf(file, "%" PRId32, (int32_t)bits);
        break;
    case WIRE_I64:
        fprintf(file, "%" PRId64, (int64_t)bits);
        break;
    case WIRE_F32:
        memcpy(&f32, at, sizeof f32);
        fprintf(file, "%.9g", (double)f32);
        break;
    case WIRE_F64:
        memcpy(&f64, at, sizeof f64);
        fprintf(file, "%.17g", f64);
        break;
    case WIRE_DEV:
        fprintf(file, "0x%" PRIx64, bits);
        break;
    default:
        fprintf(file, "%" PRIu64, bits);
    }
}

static void print_hex(FILE *file, const uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n && i < 64; i++)
        fprintf(file, "%02x", at[i]);
    if (n > 64)
        fputs("...", file);
}

static void print_field(FILE *file, const struct field *field, const uint8_t *at, size_t n)
{
    size_t element = field->wire == WIRE_ARRAY ? wire_bytes[field->element] : 1;
    switch (field->wire) {
    case WIRE_ID:
        fprintf(file, "%s ", field->kind);
        print_number(file, WIRE_U32, at);
        break;
    case WIRE_NEW:
    case WIRE_DEL:
        fprintf(file, "%s %s ", field->wire == WIRE_NEW ? "new" : "del", field->kind);
        print_number(file, WIRE_U32, at);
        break;
    case WIRE_SCALAR:
    case WIRE_RESULT:
        fputs(at[0] ? "device " : "host ", file);
        print_hex(file, at + 1, n - 1);
        break;
    case WIRE_ARRAY:
        fprintf(file, "[%zu] ", n / element);
        if (element == 1) {
            bool text = n > 0;
            for (size_t i = 0; i < n; i++)
                text = text && at[i] > 0x20 && at[i] < 0x7f;
            if (text)
                fprintf(file, "\\"%.*s\\"", (int)(n < 200 ? n : 200), (const char *)at);
            else
                print_hex(file, at, n);
        } else {
            for (size_t i = 0; i < n / element && i < 16; i++) {
                fputs(i ? " " : "", file);
                print_number(file, field->element, at + i * element);
            }
        }
        break;
    case WIRE_CONTENT:
        fprintf(file, "%s [%zu] ", field->kind, n);
        print_hex(file, at, n);
        break;
    default:
        print_number(file, field->wire, at);
    }
}

void rrto_print_op(FILE *file, const uint8_t *op, size_t n)
{
    const struct rrto_op_info *info = rrto_op_info_of(op, n);
    if (!info) {
        fprintf(file, "(no op: %zu bytes)\\n", n);
        return;
    }
    const struct shape *shape = &shapes[op_number(op)];
    struct rrto_dec dec;
    rrto_dec_init(&dec, op, n);
    rrto_get_bytes(&dec, RRTO_OP_HEADER_BYTES);
    fprintf(file, "%s(", info->name);
    for (unsigned i = 0; i < shape->n_fields; i++) {
        const struct field *field = &fields[shape->first_field + i];
        size_t n_field;
        const uint8_t *at = next_field(&dec, field, &n_field);
        if (dec.failed || !at)
            break;
        fprintf(file, "%s%s=", i ? ", " : "", field->name);
        print_field(file, field, at, n_field);
    }
    fputs(rrto_op_check(op, n) ? ")\\n" : ") (malformed)\\n", file);
}

uint64_t rrto_op_token(const uint8_t *op, size_t n)
{
    const struct rrto_op_info *info = rrto_op_info_of(op, n);
    if (!info || n < info->n_fixed_bytes)
        return XXH3_64bits(op, n);
    const struct shape *shape = &shapes[op_number(op)];
    uint64_t hash = XXH3_64bits(op, 2);
    for (unsigned i = 0; i < shape->n_spans; i++) {
        const struct span *span = &spans[shape->first_span + i];
        hash = XXH3_64bits_withSeed(op + span->offset, span->n, hash);
    }
    if (shape->n_leading == shape->n_fields)
        return hash;
    struct rrto_dec dec;
    rrto_dec_init(&dec, op, n);
    rrto_get_bytes(&dec, info->n_fixed_bytes);
    for (unsigned i = shape->n_leading; i < shape->n_fields; i++) {
        const struct field *field = &fields[shape->first_field + i];
        size_t n_field;
        const uint8_t *at = next_field(&dec, field, &n_field);
        if (dec.failed || !at)
            break;
        if (field->in_token)
            hash = XXH3_64bits_withSeed(at, n_field, hash + n_field);
    }
    return hash;
}

uint64_t rrto_op_key(const uint8_t *op, size_t n)
{
    uint64_t hash = rrto_op_token(op, n);
    const struct rrto_op_info *info = rrto_op_info_of(op, n);
    if (!info || n < info->n_fixed_bytes)
        return hash;
    const struct shape *shape = &shapes[op_number(op)];
    for (unsigned i = 0; i < shape->n_addresses; i++) {
        uint64_t address;
        memcpy(&address, op + addresses[shape->first_address + i], sizeof address);
        /* NULL, or aligned to 1, 2, 4, 8 or 16 and more bytes: libraries choose kernels by it. */
        uint8_t alignment = address == 0 ? 0 : (uint8_t)(1 + __builtin_ctzll(address | 16));
        hash = XXH3_64bits_withSeed(&alignment, 1, hash);
    }
    return hash;
}
"""
